"""The command core: a sentence in, a reply about the cluster out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from voice_api.cluster.protocol import Cluster
from voice_api.commands.answers.attached import ANSWERS
from voice_api.commands.conversation.catalogue import Catalogue, Contexts
from voice_api.commands.conversation.conversation import Conversation
from voice_api.commands.conversation.outcome import Intent, Outcome, Status, failed
from voice_api.commands.conversation.place import Heard, Parts, Place
from voice_api.commands.conversation.turn import ALONE, Turn
from voice_api.commands.language.check import interpreter
from voice_api.commands.language.meanings import Situation
from voice_api.commands.language.names import Finder, LiveNames, LiveObject, Resolution
from voice_api.commands.language.proposals import kinds_of
from voice_api.commands.language.understand import Interpreter
from voice_api.commands.registry.declaring import Function
from voice_api.commands.understanding import Understanding
from voice_api.errors import VoiceApiError

__all__ = ["DEMO_NOTICE", "CommandCore", "Intent", "Reply", "Status"]

DEMO_NOTICE = (
    "This is the demo cluster, kept in memory: nothing in it is real. "
    "Give voice-api a kubeconfig to ask about your own cluster."
)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one command.

    reply       one sentence to be spoken
    data        the answer for programs; always with "cluster", and with "notice" for the demo cluster
    timings_ms  "interpret" (words to intent, names found) and "act" (cluster, sentence)
    """

    status: Status
    intent: Intent | None
    reply: str
    data: Mapping[str, object]
    timings_ms: Mapping[str, float]


class CommandCore:
    """Answers commands about one cluster. Blocking; safe to call from several threads."""

    def __init__(
        self,
        cluster: Cluster,
        language: Interpreter | None = None,
        parts: Callable[[Interpreter, Place], Parts] | None = None,
        clock: Callable[[], float] = time.perf_counter,
        beside: Mapping[str, Finder] = MappingProxyType({}),
    ) -> None:
        """`parts` may give the conversation more than a cluster to ask: who acts, what costs.

        beside  finds, by kind, what has a name and is not in the cluster
        """
        self._cluster = cluster
        self._interpreter = language or interpreter()
        beside = {"context": Contexts(cluster), **beside}
        self._catalogue = Catalogue(cluster, looked_for(self._interpreter.functions), beside)
        here = Place(cluster, self._catalogue)
        self._conversation = Conversation(
            parts(self._interpreter, here) if parts else Parts(self._interpreter, ANSWERS, here)
        )
        self._clock = clock

    def answer(self, text: str, turn: Turn = ALONE) -> Reply:
        """The reply to `text`, whatever it is: what is not understood or fails is answered as well."""
        return self._reply(lambda timed: self._understood(text, timed), text, turn)

    def call(self, name: str, arguments: Mapping[str, object], turn: Turn = ALONE) -> Reply:
        """The reply to a call that a program makes: by the same gates as a sentence, its names exact."""
        return self._reply(lambda timed: self._called(name, arguments, timed), "", turn)

    def settled(self, text: str, turn: Turn) -> Reply:
        """The reply to what can be nothing but an answer to a question; anything else changes nothing."""
        nothing = Outcome("ERROR", "That was no answer to my question, so I changed nothing.")
        return self._reply(lambda timed: self._settled(text, timed) or nothing, text, turn)

    @property
    def functions(self) -> Mapping[str, Function]:
        """What can be called, by name."""
        return self._interpreter.functions

    def _reply(self, understand: Callable[[Turn], Heard | Outcome], text: str, turn: Turn) -> Reply:
        """`text` is what was said; a program says nothing."""
        started = self._clock()
        turn = replace(turn, words=text, timings=self._watch(turn.timings, "interpret", started))
        understood = understand(turn)
        interpreted = self._clock()
        interpreting = {"interpret": (interpreted - started) * 1000}
        before = turn.timings
        turn = replace(turn, timings=self._watch(lambda: {**before(), **interpreting}, "act", interpreted))
        outcome = (
            understood if isinstance(understood, Outcome) else self._conversation.act(understood, text, turn)
        )
        ended = self._clock()
        return Reply(
            status=outcome.status,
            intent=outcome.intent,
            reply=outcome.reply,
            data={**outcome.data, **self._about_cluster(turn)},
            timings_ms={**interpreting, "act": (ended - interpreted) * 1000},
        )

    def _watch(
        self, before: Callable[[], Mapping[str, float]], stage: str, since: float
    ) -> Callable[[], Mapping[str, float]]:
        """The stages before, and how long this one has taken when it is asked."""
        return lambda: {**before(), stage: (self._clock() - since) * 1000}

    def understanding(self, namespaces: tuple[str, ...]) -> Understanding:
        """What is understood of sentences where these namespaces are known; asks and changes nothing."""
        spaces = LiveNames(LiveObject(name, "", "namespace") for name in namespaces)
        return Understanding(self._interpreter, Situation(Known(spaces, self._catalogue.known())))

    def understood(self, text: str) -> bool:
        """Whether `text` is settled by the names that there are now; False where none can be had."""
        try:
            self._catalogue.live()
            return Understanding(self._interpreter, Situation(self._catalogue)).settled(text)
        except VoiceApiError:
            return False

    def _understood(self, text: str, turn: Turn) -> Heard | Outcome:
        try:
            settled = self._conversation.settle(text, turn)
            return settled if settled is not None else self._conversation.understand(text, turn)
        except VoiceApiError as error:
            return failed(error, self._conversation.likely(text))

    def _called(self, name: str, arguments: Mapping[str, object], turn: Turn) -> Heard | Outcome:
        try:
            return self._conversation.called(name, arguments, turn)
        except VoiceApiError as error:
            return failed(error)

    def _settled(self, text: str, turn: Turn) -> Outcome | None:
        try:
            return self._conversation.settle(text, turn)
        except VoiceApiError as error:
            return failed(error)

    def _about_cluster(self, turn: Turn) -> dict[str, object]:
        try:
            description = self._conversation.where(turn).cluster.description
        except VoiceApiError:  # which cluster it was is told all the same
            description = self._cluster.description
        about: dict[str, object] = {"cluster": {"name": description.name, "demo": description.demo}}
        return {**about, "notice": DEMO_NOTICE} if description.demo else about


@dataclass(frozen=True, slots=True)
class Known:
    """Names of a moment ago, with namespaces that may be younger; asks nobody."""

    namespaces: LiveNames
    names: LiveNames

    def find(self, spoken: str, kinds: tuple[str, ...], namespace: str = "", home: str = "") -> Resolution:
        known = self.namespaces if kinds == ("namespace",) else self.names
        return known.find(spoken, kinds, namespace, home)


def looked_for(functions: Mapping[str, Function]) -> frozenset[tuple[str, ...]]:
    """The kinds of objects that arguments of these functions name, each as it is looked for."""
    return frozenset(
        kinds
        for function in functions.values()
        for argument in function.arguments.model_fields
        if (kinds := kinds_of(function, argument))
    )
