"""The command core: a sentence in, a reply about the cluster out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from voice_api.cluster.protocol import Cluster
from voice_api.commands.check import refuse_unknown
from voice_api.commands.functions import FUNCTIONS, KINDS, Answer, Function
from voice_api.commands.grammar import Grammar, Reading, load_grammar
from voice_api.commands.interpret import Unclear, Wish, interpret, quoted
from voice_api.commands.resolve import Resolved, Unsure, resolve
from voice_api.commands.understanding import Understanding
from voice_api.commands.wording import choice, listed
from voice_api.errors import VoiceApiError

Status = Literal["SUCCESS", "ERROR", "NEEDS_CLARIFICATION"]
DEMO_NOTICE = (
    "This is the demo cluster, kept in memory: nothing in it is real. "
    "Give voice-api a kubeconfig to ask about your own cluster."
)


@dataclass(frozen=True, slots=True)
class Intent:
    """What was understood: a function, its arguments as they were used, and who understood it."""

    name: str
    arguments: Mapping[str, object]
    source: str = "grammar"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one command.

    reply       one sentence to be spoken
    data        the answer for programs; always with "cluster", and with "notice" for the demo cluster
    timings_ms  "interpret" (words to intent) and "act" (names, cluster, sentence)
    """

    status: Status
    intent: Intent | None
    reply: str
    data: Mapping[str, object]
    timings_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: Status
    reply: str
    data: Mapping[str, object] = field(default_factory=dict)
    intent: Intent | None = None


class CommandCore:
    """Answers commands about one cluster. Blocking; safe to call from several threads."""

    def __init__(
        self,
        cluster: Cluster,
        grammar: Grammar | None = None,
        functions: Mapping[str, Function] = FUNCTIONS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._cluster = cluster
        self._grammar = grammar or load_grammar()
        self._functions = functions
        refuse_unknown(self._grammar, functions)
        self._clock = clock

    def answer(self, text: str) -> Reply:
        """The reply to `text`, whatever it is: what is not understood or fails is answered as well."""
        started = self._clock()
        understood = self._interpret(text)
        interpreted = self._clock()
        outcome = understood if isinstance(understood, _Outcome) else self._act(understood)
        ended = self._clock()
        return Reply(
            status=outcome.status,
            intent=outcome.intent,
            reply=outcome.reply,
            data={**outcome.data, **self._about_cluster()},
            timings_ms={"interpret": (interpreted - started) * 1000, "act": (ended - interpreted) * 1000},
        )

    def understanding(self, namespaces: tuple[str, ...]) -> Understanding:
        """What is understood of sentences where these namespaces are known; asks and changes nothing."""
        return Understanding(self._grammar, namespaces)

    def understood(self, text: str) -> bool:
        """Whether `text` is settled by the namespaces that there are now; False where none can be had."""
        try:
            names = tuple(namespace.name for namespace in self._cluster.namespaces())
        except VoiceApiError:
            return False
        return self.understanding(names).settled(text)

    def _interpret(self, text: str) -> Reading | _Outcome:
        match interpret(self._grammar, text):
            case Wish(verb):
                return _only_reading(verb)
            case Unclear(why):
                return self._not_understood(why)
            case reading:
                return reading

    def _act(self, reading: Reading) -> _Outcome:
        function = self._functions[reading.intent]
        if "kind" in reading.unheard:
            return _which_kind(reading)
        try:
            arguments = self._arguments(reading)
            if isinstance(arguments, _Outcome):
                return arguments
            answer: Answer = function.act(self._cluster, **arguments)
        except VoiceApiError as error:
            failure = {"code": error.code, "message": error.message, "fix": error.fix}
            return _Outcome("ERROR", error.message, {"error": failure}, _intent(reading, reading.slots))
        return _Outcome("SUCCESS", answer.sentence, answer.data, _intent(reading, arguments))

    def _arguments(self, reading: Reading) -> dict[str, object] | _Outcome:
        arguments: dict[str, object] = dict(reading.slots)
        spoken = reading.unheard.get("namespace")
        if spoken is None:
            return arguments
        names = [namespace.name for namespace in self._cluster.namespaces()]
        match resolve(spoken, names):
            case Resolved(name):
                return {**arguments, "namespace": name}
            case Unsure() as unsure:
                return _which_namespace(reading, unsure, names)

    def _about_cluster(self) -> dict[str, object]:
        description = self._cluster.description
        about: dict[str, object] = {"cluster": {"name": description.name, "demo": description.demo}}
        return {**about, "notice": DEMO_NOTICE} if description.demo else about

    def _not_understood(self, what: str) -> _Outcome:
        examples = self._grammar.examples
        return _Outcome(
            "NEEDS_CLARIFICATION",
            f"{what} You can say: {listed(examples, 'or')}." if examples else what,
            {"examples": list(examples)},
        )


def _only_reading(verb: str) -> _Outcome:
    return _Outcome(
        "ERROR",
        f"I can only read in this version, so I did not {verb} anything.",
        {"error": {"code": "read_only", "message": "Changes are not possible.", "fix": "Use kubectl."}},
    )


def _which_kind(reading: Reading) -> _Outcome:
    return _Outcome(
        "NEEDS_CLARIFICATION",
        f"I can count {listed(KINDS)}. Please ask again.",
        {"argument": "kind", "heard": reading.unheard["kind"], "candidates": list(KINDS)},
        _intent(reading, reading.slots),
    )


def _which_namespace(reading: Reading, unsure: Unsure, names: list[str]) -> _Outcome:
    if unsure.candidates:
        likely = choice(unsure.candidates)
        question = f"I am not sure about {quoted(unsure.spoken)}. Did you mean {likely}? Please ask again."
    else:
        question = f"I know no namespace like {quoted(unsure.spoken)}."
    return _Outcome(
        "NEEDS_CLARIFICATION",
        question,
        {
            "argument": "namespace",
            "heard": unsure.spoken,
            "candidates": list(unsure.candidates),
            "namespaces": names[:100],
        },
        _intent(reading, reading.slots),
    )


def _intent(reading: Reading, arguments: Mapping[str, object]) -> Intent:
    return Intent(reading.intent, dict(arguments))
