"""How much of what was misheard may be guessed: less for changes, next to nothing for what destroys."""

from collections.abc import Sequence

from voice_api.commands.language.clauses import guarded
from voice_api.commands.language.meanings import Meaning, Meant, Question
from voice_api.commands.language.names import LiveObject
from voice_api.commands.language.proposals import Proposal
from voice_api.commands.level import Level
from voice_api.commands.reading.nearness import GUESS, JOINED
from voice_api.commands.reading.paths import LOST

MOST_GUESSED = 2 * GUESS


def allowed(proposal: Proposal, words: str) -> bool:
    """Whether what is proposed may be a guess at all."""
    if proposal.unread:
        return False
    match proposal.function.level:
        case Level.READ_ONLY:
            return True
        case Level.WRITE_SAFE:
            return not guarded(words)
        case _:
            return proposal.cost <= JOINED and not guarded(words)


def plain(meant: Meant, whole: Meaning | None) -> bool:
    """Whether a guess may count, where the words as they are mean `whole`.

    One guess upon another is one too many: names in a change are exact, and so are those that answer a
    question.
    """
    reads = meant.proposal.function.level is Level.READ_ONLY
    return meant.exact or (reads and not isinstance(whole, Question))


def asked(meanings: Sequence[Meaning]) -> Question | None:
    """What to ask where none of these guesses is plain: whether the object is meant, or which one is."""
    doubts = [doubted(each) for each in meanings if isinstance(each, Meant)]
    reading = [each for each in meanings if isinstance(each, Question) and _reads(each)]
    return next(iter([*doubts, *reading]), None)


def _reads(question: Question) -> bool:
    proposal = question.proposal
    # What holds words that are said around names is more of a sentence than a name.
    plain_names = all(LOST.isdisjoint(words.split()) for words in proposal.spoken.values())
    return proposal.function.level is Level.READ_ONLY and proposal.cost <= GUESS and plain_names


def doubted(meant: Meant) -> Question:
    proposal, call = meant.proposal, meant.call
    argument = max(proposal.spoken, key=lambda each: each != "namespace")
    home = "" if argument == "namespace" else str(call.values.get("namespace", ""))
    one = LiveObject(str(call.values[argument]), home, call.kinds[argument])
    return Question(proposal, argument, proposal.spoken[argument], (one,))
