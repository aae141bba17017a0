"""What a sentence asks for, all of it or nothing: calls, a question back, or why neither."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from voice_api.commands.grammar import Grammar
from voice_api.commands.language.clauses import MOST_CLAUSES, Correction, correction, guarded, joints
from voice_api.commands.language.guesses import MOST_GUESSED, allowed, asked, doubted, plain
from voice_api.commands.language.meanings import (
    Meaning,
    Meant,
    Question,
    Situation,
    Unclear,
    best,
    meaning_of,
)
from voice_api.commands.language.proposals import near_proposals, proposals
from voice_api.commands.language.quantities import quantity
from voice_api.commands.level import Level
from voice_api.commands.normalise import LIMIT_CHARACTERS, TENS, UNITS, normalise
from voice_api.commands.reading.nearness import GUESS
from voice_api.commands.registry.declaring import Call, Function

NUMBER_WORDS = {*UNITS, *TENS, "hundred", "thousand", "dozen"}
# Nobody says these: with one of them a text was not meant to be spoken.
MACHINE = frozenset("{}[]<>()|&;$`\\=/@#")
COUNTED = r"( (replicas?|pods?|instances|copies|lines))?$"
NEGATED = re.compile(r"(do not|never|no do not|you must not|must not|not)\b")


@dataclass(frozen=True, slots=True)
class Understood:
    """Calls in their order; at most one of them changes anything."""

    calls: tuple[Call, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The speaker wants nothing to be done."""


Understanding: TypeAlias = Understood | Question | TakenBack | Unclear


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Understands sentences by a grammar and the functions it leads to. Pure, and safe in several threads."""

    grammar: Grammar
    functions: Mapping[str, Function]

    def understand(self, text: str, situation: Situation) -> Understanding:
        """What `text` asks for in this situation. Never raises, whatever the text."""
        if len(text) > LIMIT_CHARACTERS:
            return Unclear("That is too long for a command.")
        words = normalise(text)
        if not words:
            return Unclear("I heard no command.")
        if MACHINE & set(text) and self.changes(words):
            return Unclear("I change nothing by what looks like a program.")
        understanding = self._sentence(words, situation, MOST_CLAUSES)
        changes = _changing(understanding)
        if changes and MACHINE & set(text):
            return Unclear("I change nothing by what looks like a program.")
        return Unclear("One change at a time, please.") if len(changes) > 1 else understanding

    def changes(self, words: str) -> bool:
        """Whether some of these words could be a command that changes something."""
        return bool(self.grammar.wishes_change(words)) or any(
            each.function.level is not Level.READ_ONLY
            for each in proposals(self.grammar, self.functions, words)
        )

    def _sentence(self, words: str, situation: Situation, depth: int) -> Understanding:
        whole = self._clause(words, situation)
        if isinstance(whole, Meant) and whole.exact:
            return Understood((whole.call,), exact=True)
        taken = correction(words)
        if taken is not None:
            return self._corrected(taken, situation, depth - 1) if depth else Unclear(_lost(words))
        if NEGATED.match(words):
            return TakenBack()
        if isinstance(whole, Meant):
            return self._repaired(words, situation, whole)
        joined = self._joined(words, situation, depth - 1)
        near = None if joined else self._nearly(words, situation, whole)
        return joined or near or whole or Unclear(_lost(words), missed=True)

    def _clause(self, words: str, situation: Situation) -> Meaning | None:
        """The meaning of words that are one command."""
        found = proposals(self.grammar, self.functions, words)
        meaning = best(meaning_of(each, situation) for each in found)
        changing = any(each.function.level is not Level.READ_ONLY for each in found)
        if changing and guarded(words) and not (isinstance(meaning, Meant) and meaning.exact):
            return Unclear("I change nothing with an if, a not or an except in it.")
        return meaning

    def _repaired(self, words: str, situation: Situation, whole: Meant) -> Understood | Question:
        """A sentence with a repaired name; asked about where a change could be another, misheard sentence."""
        if whole.call.function.level is not Level.READ_ONLY:
            near = self._nearly(words, situation, whole)
            if isinstance(near, Understood) and near.calls != (whole.call,):
                return doubted(whole)
        return Understood((whole.call,), exact=False)

    def _nearly(
        self, words: str, situation: Situation, whole: Meaning | None
    ) -> Understood | Question | None:
        """What was said where `words` were heard, if that is plain; `whole` is what they mean as they are."""
        if isinstance(whole, Unclear) and whole.nameless:
            return None  # the words fit, and only who could tell the names is away
        found = near_proposals(self.grammar, self.functions, words, MOST_GUESSED)
        meanings = [meaning_of(each, situation) for each in found if allowed(each, words)]
        meant = [each for each in meanings if isinstance(each, Meant) and plain(each, whole)]
        if meant:
            least = meant[0].proposal.cost
            nearest = best(each for each in meant if each.proposal.cost < least + GUESS)
            return Understood((nearest.call,), exact=False) if isinstance(nearest, Meant) else None
        return None if isinstance(whole, Question) else asked(meanings)

    def _joined(self, words: str, situation: Situation, depth: int) -> Understanding | None:
        """Two clauses and more, where every one of them is understood."""
        if not depth:
            return None
        for left, right in joints(words):
            first, rest = self._clause(left, situation), self._sentence(right, situation, depth)
            if isinstance(first, Meant) and isinstance(rest, Understood):
                return Understood((first.call, *rest.calls), first.exact and rest.exact)
        return None

    def _corrected(self, taken: Correction, situation: Situation, depth: int) -> Understanding:
        if not taken.instead:
            return TakenBack()
        if proposals(self.grammar, self.functions, taken.instead):
            return self._sentence(taken.instead, situation, depth)
        words = self._spliced(taken, situation)
        found = self._sentence(words, situation, depth) if words else None
        # Where a change was corrected, nothing else is repaired: one guess upon another is one too many.
        sure = not isinstance(found, Understood) or found.exact or not _changing(found)
        return found if found is not None and sure else Unclear(_lost(taken.instead))

    def _spliced(self, taken: Correction, situation: Situation) -> str | None:
        """`said` with the part that `instead` is for exchanged; None where that part is not plain."""
        instead = re.sub(r"^(to|by|two) (?=.)", "", taken.instead)
        number = re.sub(COUNTED, "", instead)
        if quantity(number) is not None and number.split()[0] in NUMBER_WORDS | {number}:
            return _number_exchanged(taken.said, number)
        if instead.startswith("in "):
            return f"{re.sub(r' in (?!.* in ).*$', '', taken.said)} {instead}"
        return self._name_exchanged(taken.said, instead.removeprefix("the "), situation)

    def _name_exchanged(self, said: str, name: str, situation: Situation) -> str | None:
        """`said` with the name that was said last exchanged."""
        for proposal in proposals(self.grammar, self.functions, said):
            if proposal.spoken and isinstance(meaning_of(proposal, situation), Meant | Question):
                place, words = max((said.rfind(words), words) for words in proposal.spoken.values())
                return f"{said[:place]}{name}{said[place + len(words) :]}"
        return None


def _number_exchanged(said: str, number: str) -> str | None:
    words = said.split()
    places = [at for at, word in enumerate(words) if word in NUMBER_WORDS or word.isdigit()]
    if not places:
        return None
    end = places[-1] + 1
    start = end - 1
    while start - 1 in places and quantity(" ".join(words[start - 1 : end])) is not None:
        start -= 1
    return " ".join([*words[:start], number, *words[end:]])


def _changing(understanding: Understanding) -> list[Call]:
    calls = understanding.calls if isinstance(understanding, Understood) else ()
    return [call for call in calls if call.function.level is not Level.READ_ONLY]


def _lost(words: str) -> str:
    return f"I did not understand: {words if len(words) <= 60 else words[:60].rstrip() + ' and so on'}."
