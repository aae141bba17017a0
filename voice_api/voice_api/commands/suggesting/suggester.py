"""Understands by a language model what no template fits: one typed call of the sentence, or a question."""

import json
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from voice_api.cluster.redact import masked
from voice_api.commands.grammar import Grammar
from voice_api.commands.language.meanings import Meant, Question, Situation, Unclear, meaning_of
from voice_api.commands.language.names import Found, LiveObject
from voice_api.commands.language.proposals import Proposal, kinds_of
from voice_api.commands.language.understand import MACHINE, Understood
from voice_api.commands.level import Level
from voice_api.commands.normalise import normalise
from voice_api.commands.registry.declaring import ROLES, Call, Function, NoCall, validated
from voice_api.commands.registry.proposed import called
from voice_api.commands.suggesting.chat import TOLD, Chat, Prompt, Silence
from voice_api.commands.suggesting.grounding import grounded, left_over
from voice_api.commands.suggesting.offered import (
    WAYS_OUT,
    AskBack,
    Decline,
    changes_of,
    offered,
    questions_of,
    tools,
)

SYSTEM = (
    "You turn one spoken sentence about a Kubernetes cluster into one function call. "
    "Call exactly one function. Copy names, numbers and versions exactly as they stand in the sentence; "
    "leave out whatever the sentence does not say. "
    "If something that a function needs is not said, call ask_back. "
    "If no function does what the sentence asks for, call decline. Write no text."
)
ATTEMPTS = 2
LEAST_SECONDS = 0.3
"""With less left of the time, a second attempt is not begun."""

ASKED: Mapping[str, str] = {
    "name": "Which object do you mean?",
    "number": "How many?",
    "version": "Which version?",
    "namespace": "In which namespace?",
    "wish": "What shall I do?",
}
DECLINED: Mapping[str, str] = {
    "not_about_the_cluster": "That is not about the cluster.",
    "nothing_fits": "I know nothing that does that.",
    "several_wishes": "One thing at a time, please.",
}
AGAIN = "Please say all of it again."

Suggestion: TypeAlias = Understood | Question | Unclear


def untold(_: str) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class Suggester:
    """Asks a model that sees the sentence alone: no name of the cluster, no log, no reply, no turn before.

    seconds  for everything, both attempts together
    tell     is told in one word what came of each sentence, for figures
    """

    chat: Chat
    functions: Mapping[str, Function]
    grammar: Grammar
    seconds: float = 4.0
    clock: Callable[[], float] = time.monotonic
    tell: Callable[[str], None] = field(default=untold)

    @property
    def about(self) -> Mapping[str, str]:
        """Which model and which prompt, for the journal."""
        every = json.dumps([SYSTEM, *tools(self.functions)], sort_keys=True)
        return {"model": self.chat.name, "prompt": sha256(every.encode()).hexdigest()[:12]}

    def beginnings(self) -> tuple[Prompt, ...]:
        """What prompts begin with, for a server that is to have read it before somebody waits."""
        roles = frozenset(ROLES)
        offers = (questions_of(self.functions, roles), changes_of(self.functions, roles))
        return tuple(Prompt(SYSTEM, "", tools(each)) for each in offers if each)

    def understand(
        self, text: str, situation: Situation, missed: Question | Unclear, roles: Set[str], *, changes: bool
    ) -> Suggestion:
        """What the model makes of `text` once it is held against sentence and cluster; else as it was missed.

        roles    of whoever speaks: what they may not call is not offered
        changes  whether anything can be changed in this conversation at all
        VoiceApiError where names cannot be had, and for nothing that a model does.
        """
        if masked(text) != text:
            return missed  # a secret is in it: nobody else is told
        words = normalise(text)
        marks = "".join(MACHINE & set(text))
        offer = offered(self.functions, self.grammar, f"{words} {marks}".strip(), roles, changes=changes)
        came = self._asked(offer, words) if offer else NoCall("there is nothing to offer")
        match came:
            case Proposal():
                return self._meant(came, words, situation, missed)
            case Silence(reason):
                self.tell(reason)
                return _as_missed(missed, TOLD[reason])
            case NoCall():
                self.tell("nonsense")
                return missed
            case _:
                return self._way_out(came, missed)

    def _asked(
        self, offer: Mapping[str, Function], words: str
    ) -> Proposal | AskBack | Decline | Silence | NoCall:
        """Nonsense is asked about once more, with what was wrong with it."""
        until, note = self.clock() + self.seconds, ""
        choice = {**offer, **WAYS_OUT.functions}
        came: Proposal | AskBack | Decline | Silence | NoCall = NoCall("it was not asked")
        for _ in range(ATTEMPTS):
            left = until - self.clock()
            if left < LEAST_SECONDS:
                break
            message = self.chat.message(Prompt(SYSTEM, f"{words}{note}", tools(offer)), left)
            came = (
                message if isinstance(message, Silence) else self._wished(read(message, choice, words), words)
            )
            if not isinstance(came, NoCall):
                break
            note = f"\n(The last call could not be used: {came.why}.)"
        return came

    def _wished(
        self, came: Proposal | AskBack | Decline | NoCall, words: str
    ) -> Proposal | AskBack | Decline | NoCall:
        """A change is all that was asked for: no word is left that means more, nor another verb."""
        if not isinstance(came, Proposal) or came.function.level is Level.READ_ONLY:
            return came
        more = left_over(came, words, self.grammar.words_of(came.function.name))
        return NoCall(f"the sentence says more than that: {more[0]}") if more else came

    def _way_out(self, came: AskBack | Decline, missed: Question | Unclear) -> Question | Unclear:
        if isinstance(missed, Question):
            return missed
        if isinstance(came, AskBack):
            self.tell("asked")
            return Unclear(f"{ASKED[came.about]} {AGAIN}")
        self.tell("declined")
        return Unclear(f"{missed.why} {DECLINED[came.reason]}")

    def _meant(
        self, proposal: Proposal, words: str, situation: Situation, missed: Question | Unclear
    ) -> Suggestion:
        meaning = meaning_of(proposal, situation)
        match meaning:
            case Meant() if not _in_its_namespaces(meaning, words, situation):
                self.tell("nonsense")
                return missed
            case Meant(call, exact):
                self.tell("understood")
                guesses = not exact and call.function.level is not Level.READ_ONLY
                return _sure_of_it(meaning) if guesses else Understood((call,), exact=exact)
            case _:
                self.tell("understood")
                return meaning


def read(
    message: object, choice: Mapping[str, Function], words: str
) -> Proposal | AskBack | Decline | NoCall:
    """What a message proposes for these words; never raises, whatever it is."""
    found = called(message, choice)
    if isinstance(found, NoCall):
        return found
    if found.function.name not in WAYS_OUT.functions:
        return grounded(found.function, found.arguments, words)
    match validated(choice, found.function.name, found.arguments):
        case Call(arguments=AskBack() | Decline() as way_out):
            return way_out
        case NoCall() as none:
            return none
        case _:
            return NoCall("there is no such function")


def _as_missed(missed: Question | Unclear, why: str) -> Question | Unclear:
    return missed if isinstance(missed, Question) else Unclear(f"{missed.why} {why}")


def _in_its_namespaces(meant: Meant, words: str, situation: Situation) -> bool:
    """Whether each namespace that is said in so many words is the one of the call, or a part of its names."""
    said = words
    for name in (each for argument, each in meant.proposal.spoken.items() if argument != "namespace"):
        said = f" {said} ".replace(f" {name} ", " , ").strip()
    spaces = (_namespace(run, situation) for run in _endings(said))
    return {each for each in spaces if each} <= {str(meant.call.values.get("namespace", ""))}


def _endings(words: str) -> set[str]:
    """What stands after each "in", one to four words of it."""
    said = words.split()
    starts = [
        at + 1 for at, word in enumerate(said) if word in {"in", "inside", "within", "from", "on", "of"}
    ]
    runs = {" ".join(said[start : start + length]) for start in starts for length in range(1, 5)}
    return {each.removeprefix("the ") for each in runs if each and "," not in each}


def _namespace(spoken: str, situation: Situation) -> str:
    found = situation.names.find(spoken, ("namespace",))
    return found.object.name if isinstance(found, Found) and found.exact else ""


def _sure_of_it(meant: Meant) -> Question:
    """A repaired name in a change that a model understood is asked about: that would be two guesses."""
    proposal = meant.proposal
    argument = next(iter(sorted(proposal.spoken.keys() - {"namespace"}) or sorted(proposal.spoken)))
    name, home = str(meant.call.values[argument]), str(meant.call.values.get("namespace", ""))
    kind = meant.call.kinds.get(argument, kinds_of(proposal.function, argument)[0])
    likely = LiveObject(name, "" if kind in {"namespace", "node", "context"} else home, kind)
    return Question(proposal, argument, proposal.spoken[argument], (likely,))
