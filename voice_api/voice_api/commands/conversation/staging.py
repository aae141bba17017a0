"""From a call that changes something to the question about it: looked at, judged, tried, and bound."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from voice_api.commands.absolute import absolute
from voice_api.commands.confirmation.outcomes import after_dry_run
from voice_api.commands.confirmation.pending import (
    CLICK_SECONDS,
    Bound,
    Pending,
    Speaker,
    canonical,
    digest,
    staged,
)
from voice_api.commands.confirmation.store import PendingStore
from voice_api.commands.conversation.executor import Executor, Met, Preview
from voice_api.commands.conversation.outcome import Intent, Outcome, denied, failed, intent_of
from voice_api.commands.level import Replicas
from voice_api.commands.normalise import UNIT_WORDS
from voice_api.commands.policy import Allowed, Denied, User, decided
from voice_api.commands.registry.changing import Scale, ScaleBy, ScaleTimes
from voice_api.commands.registry.declaring import Call, Confirmation, Function, NoCall
from voice_api.errors import VoiceApiError


@dataclass(frozen=True, slots=True)
class Ready:
    """A change that may be asked about: everything that an answer will be bound to."""

    call: Call
    bound: Bound
    allowed: Allowed
    preview: Preview


@dataclass(frozen=True, slots=True)
class Staging:
    """Makes questions about changes, as the user; nothing is changed here.

    wall     seconds since 1970: replicas of a service share a store, and no other clock
    cluster  its name, where questions have to say which one is meant
    """

    executor: Executor
    functions: Mapping[str, Function]
    store: PendingStore
    key: bytes = field(repr=False)
    wall: Callable[[], float] = time.time
    cluster: str = ""

    def ask(
        self, call: Call, user: User, speaker: Speaker, before: str = "", source: str = "grammar"
    ) -> Outcome:
        """The question about a call, or why there is none. `before` is said before it.

        source  who understood the wish
        """
        try:
            ready = self.ready(call, user, speaker)
        except VoiceApiError as error:
            return failed(error, intent_of(call))
        if isinstance(ready, Outcome):
            return ready
        return self._asked(replace(ready, bound=replace(ready.bound, source=source)), before)

    def ready(self, call: Call, user: User, speaker: Speaker) -> Ready | Outcome:
        """A call that may be asked about, or the reply that says why not. Denials come first."""
        if call.function.name == "undo_that":
            inverse = self.executor.inverse(user)
            if isinstance(inverse, NoCall):
                return Outcome("ERROR", f"I cannot undo anything: {inverse.why}.", {}, intent_of(call))
            call = inverse
        met = self.executor.met(user, call)
        settled = self._absolute(call, met)
        if isinstance(settled, NoCall):
            return Outcome("NEEDS_CLARIFICATION", f"I cannot do that: {settled.why}.", {}, intent_of(call))
        call, met, base = settled
        decision = decided(call, user, met.circumstances)
        if isinstance(decision, Denied):
            return _refused(decision, call)
        preview = self.executor.preview(user, call, met)
        shown = after_dry_run(preview.status)
        if shown.next != "ask":
            return _not_shown(shown.next, preview.why or shown.said, intent_of(call))
        bound = Bound(
            speaker=speaker,
            function=call.function.name,
            arguments=canonical(call.values),
            level=decision.judgement.level,
            target=met.target,
            diff_sha256=digest(preview.difference),
            base=base,
        )
        return Ready(call, bound, decision, preview)

    def _absolute(self, call: Call, met: Met) -> tuple[Call, Met, str] | NoCall:
        """What is confirmed is a number, never "double": see decision 26."""
        match call.arguments:
            case Scale(replicas=after):
                return call, _with_replicas(met, Replicas(met.replicas, after)), ""
            case ScaleBy() | ScaleTimes():
                if met.replicas is None:
                    return NoCall("how many there are now is not known")
                made = absolute(call, self.functions["scale"], met.replicas)
                if isinstance(made, NoCall):
                    return made
                return made.call, _with_replicas(met, made.replicas), made.base
            case _:
                return call, met, ""

    def _asked(self, ready: Ready, before: str) -> Outcome:
        code = f"{secrets.randbelow(90) + 10}"
        question = " ".join(part for part in (before, _question(ready, code, self.cluster)) if part)
        pending = staged(
            ready.bound,
            ready.allowed.confirmation,
            question,
            identifier=secrets.token_hex(16),
            code=code,
            now=self.wall(),
            key=self.key,
        )
        self.store.add(pending)
        return asking(pending, question, intent_of(ready.call), ready.preview.difference)


def asking(pending: Pending, question: str, intent: Intent | None = None, difference: str = "") -> Outcome:
    """The reply that asks a question which waits in the store."""
    strong = pending.confirmation is Confirmation.NAME_OR_CODE
    about = {
        "id": pending.id,
        "needs": "name_or_code" if strong else "yes",
        "name": pending.bound.target.name,
        "code": pending.code if strong else None,
        "level": pending.bound.level,
        "expires_in_seconds": CLICK_SECONDS,
        "difference": difference,
    }
    return Outcome("REQUIRES_CONFIRMATION", question, {"confirmation": about}, intent)


def _question(ready: Ready, code: str, cluster: str) -> str:
    """Reads the object and the change back, and says what counts as an answer."""
    why = ready.allowed.judgement.reasons
    reason = f" I ask because {' and '.join(why)}." if why else ""
    based = f", which is {ready.bound.base}" if ready.bound.base else ""
    where = f", in the cluster {cluster}" if cluster else ""
    asked = f"Shall I {ready.preview.said}{based}{where}?{reason}"
    if ready.allowed.confirmation is not Confirmation.NAME_OR_CODE:
        return asked
    digits = " ".join(UNIT_WORDS[int(digit)] for digit in code)
    return f"{asked} To confirm, say {ready.bound.target.name}, or {digits}."


def _with_replicas(met: Met, replicas: Replicas) -> Met:
    return replace(met, circumstances=replace(met.circumstances, replicas=replicas))


def _refused(decision: Denied, call: Call) -> Outcome:
    fix = "Ask whoever gives out roles and environments: kvx user list"
    return denied(f"policy_{decision.rule}", f"I do not do that: {decision.why}.", fix, intent_of(call))


def _not_shown(what: str, said: str, intent: Intent) -> Outcome:
    if what == "denied":
        return denied("cluster_forbidden", said, "Ask whoever gives out rights in the cluster.", intent)
    error = {"code": f"change_{what}", "message": said, "fix": "Look at the object and say it again."}
    return Outcome("ERROR", said, {"error": error}, intent)
