"""From a proposal to a call: names are found in the cluster, or asked about with the rest remembered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from voice_api.commands.language.names import Doubt, Finder, Found, LiveObject
from voice_api.commands.language.proposals import Proposal, kinds_of
from voice_api.commands.level import Level
from voice_api.commands.normalise import digits, normalise
from voice_api.commands.registry.declaring import Call, NoCall, validated
from voice_api.commands.spoken_names import exactly
from voice_api.commands.wording import choice

EXACT = frozenset({Level.DESTRUCTIVE, Level.ADMIN_ONLY})
PRONOUNS = frozenset({"it", "that", "that one", "this", "this one", "them"})
NUMBERS = {"first": 1, "second": 2, "third": 3, "won": 1, "to": 2, "too": 2}


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is to talk about.

    home  the namespace the conversation is in, or none
    it    what was spoken of last
    """

    names: Finder
    home: str = ""
    it: LiveObject | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """One call of a proposal; `exact` where no name was repaired."""

    call: Call
    exact: bool
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Question:
    """Which of at most three is meant by `argument` of `proposal`? There may be none to offer."""

    proposal: Proposal
    argument: str
    heard: str
    candidates: tuple[LiveObject, ...]

    @property
    def text(self) -> str:
        if not self.candidates:
            return f"I know no {self.argument} like {self.heard}."
        places = [(each.name, each.namespace) for each in self.candidates]
        kinds = len(set(places)) < len(places)
        likely = choice([_told(each, kinds=kinds) for each in self.candidates])
        return f"I am not sure about {self.heard}. Did you mean {likely}?"


@dataclass(frozen=True, slots=True)
class Unclear:
    """No call; `why` is a sentence to say. `own_letters` as of the proposal it came of.

    missed    whether no template fits the words at all, so that others may try to understand them
    nameless  whether that is because names could not be had
    """

    why: str
    own_letters: int = 0
    missed: bool = False
    nameless: bool = False


Meaning: TypeAlias = Meant | Question | Unclear


def meaning_of(proposal: Proposal, situation: Situation) -> Meaning:
    """The call that is proposed, if all its names are found beyond doubt; what destroys needs exact ones."""
    if proposal.unread:
        return Unclear(f"I did not understand the number: {proposal.unread[:60]}.", proposal.own_letters)
    found: dict[str, Found] = {}
    for argument in sorted(proposal.spoken, key=lambda each: each != "namespace"):
        within = found["namespace"].object.name if "namespace" in found else ""
        resolution = _resolved(proposal, argument, within, situation)
        if isinstance(resolution, Doubt) and resolution.why:
            return Unclear(resolution.why, proposal.own_letters, nameless=True)
        if isinstance(resolution, Doubt):
            return Question(proposal, argument, resolution.spoken, resolution.candidates)
        if not resolution.exact and proposal.function.level in EXACT:
            return Question(proposal, argument, proposal.spoken[argument], (resolution.object,))
        found[argument] = resolution
    return _called(proposal, found)


def _resolved(proposal: Proposal, argument: str, within: str, situation: Situation) -> Found | Doubt:
    chosen = proposal.chosen.get(argument)
    if chosen is not None:
        return Found(chosen, exact=True)
    kinds = kinds_of(proposal.function, argument)
    spoken = proposal.spoken[argument]
    if spoken in PRONOUNS and situation.it is not None and situation.it.kind in kinds and not within:
        return Found(situation.it, exact=False)  # "undo that" is a command of its own
    inside = within if argument != "namespace" else ""
    resolution = situation.names.find(spoken, kinds, inside, situation.home)
    if isinstance(resolution, Doubt) and not resolution.candidates and inside:
        elsewhere = situation.names.find(spoken, kinds, "", situation.home)
        return Doubt(spoken, (elsewhere.object,)) if isinstance(elsewhere, Found) else elsewhere
    return resolution


def _called(proposal: Proposal, found: Mapping[str, Found]) -> Meant | Unclear:
    values = {**proposal.values, **{argument: each.object.name for argument, each in found.items()}}
    homes = {each.object.namespace for argument, each in found.items() if argument != "namespace"} - {""}
    if "namespace" in proposal.function.arguments.model_fields and len(homes) == 1:
        values["namespace"] = homes.pop()
    call = validated({proposal.function.name: proposal.function}, proposal.function.name, values)
    if isinstance(call, NoCall):
        return Unclear("That is not possible: I did not understand a number or a name.")
    kinds = {argument: each.object.kind for argument, each in found.items()}
    return Meant(replace(call, kinds=kinds), all(each.exact for each in found.values()), proposal)


def best(meanings: Iterable[Meaning]) -> Meaning | None:
    """The one that counts: exact names before repaired ones, more words in names before fewer.

    Two different calls that are equally good are no call. None where there is no meaning at all.
    """
    every = list(meanings)
    meant = [each for each in every if isinstance(each, Meant)]
    exact = [each for each in meant if each.exact]
    if exact:
        longest = max(each.proposal.letters for each in exact)
        return _only([each for each in exact if each.proposal.letters == longest])
    nameless = [each for each in every if isinstance(each, Unclear) and each.nameless]
    if nameless and not meant:
        return nameless[0]
    asking = [each for each in every if isinstance(each, Question)]
    offering = [each for each in asking if each.candidates]
    chosen = _only(meant) if meant else next(iter([*offering, *asking]), None)
    return _number_taken_for_a_name(chosen, every) or chosen or next(iter(every), None)


def _number_taken_for_a_name(chosen: Meaning | None, every: list[Meaning]) -> Unclear | None:
    """What is wrong where a number that was not understood would have to be a part of a name."""
    unread = [each for each in every if isinstance(each, Unclear)]
    if not unread or not isinstance(chosen, Meant | Question):
        return None
    plainer = min(unread, key=lambda each: each.own_letters)
    changes = chosen.proposal.function.level is not Level.READ_ONLY
    return plainer if changes and plainer.own_letters < chosen.proposal.own_letters else None


def _only(meant: Sequence[Meant]) -> Meaning:
    if all(each.call == meant[0].call for each in meant):
        return meant[0]
    return Unclear("That could mean several things. Please say it in other words.")


def answered(question: Question, text: str, situation: Situation) -> Meaning | None:
    """What the whole command means once the question is answered: by number, name or namespace.

    None where `text` is no answer to it, so that it is read as a command of its own.
    """
    at = _chosen(text, question.candidates)
    if at is None:
        return None
    chosen = {**question.proposal.chosen, question.argument: question.candidates[at]}
    spoken = question.proposal.spoken
    if question.argument == "name" and question.candidates[at].namespace:
        spoken = {argument: words for argument, words in spoken.items() if argument != "namespace"}
    return meaning_of(replace(question.proposal, chosen=chosen, spoken=spoken), situation)


def _chosen(text: str, candidates: tuple[LiveObject, ...]) -> int | None:
    words = [word for word in normalise(text).split() if word not in {"the", "number", "in"}]
    if words[1:] == ["one"]:
        words = words[:1]  # "the second one", "the shop one"
    said = " ".join(words)
    number = NUMBERS.get(said) or int(digits(said) if digits(said).isdigit() else 0)
    if number:
        return number - 1 if number <= len(candidates) else None
    for told in (
        lambda each: each.name,
        lambda each: f"{each.name} {each.namespace}",
        lambda each: each.namespace,
    ):
        matching = [at for at, each in enumerate(candidates) if said and exactly(said, told(each))]
        if len(matching) == 1:
            return matching[0]
    return None


def _told(candidate: LiveObject, *, kinds: bool = False) -> str:
    """With its kind where two of one name and place are told apart."""
    if kinds:
        return f"the {candidate.kind} {_told(candidate)}"
    return f"{candidate.name} in {candidate.namespace}" if candidate.namespace else candidate.name
