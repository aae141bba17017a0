"""What an answer to a question does: the change, another question, or nothing; each time as it was asked."""

import json
from dataclasses import dataclass, replace

from voice_api.commands.confirmation.outcomes import after_write
from voice_api.commands.confirmation.pending import Bound, Pending, Speaker, played
from voice_api.commands.confirmation.settle import (
    AskAgain,
    AskWhich,
    Cancelled,
    Heard,
    NoAnswer,
    Refused,
    Settled,
    Verdict,
    drift,
)
from voice_api.commands.confirmation.store import answered, cancel_all
from voice_api.commands.conversation.executor import Carried, Order
from voice_api.commands.conversation.outcome import Outcome, denied, failed, intent_of
from voice_api.commands.conversation.staging import Staging, asking
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.registry.declaring import Call, NoCall, validated
from voice_api.commands.wording import choice
from voice_api.errors import VoiceApiError

REFUSALS = {
    "nothing_asked": "I have not asked you anything.",
    "used": "That was answered already.",
    "expired": "That question is too old. Please say the command again.",
    "other_user": "That question was not for you.",
    "other_session": "That question was asked in another conversation.",
    "other_context": "That question was about another cluster.",
    "echo": "I heard my own question. Please answer it yourself.",
    "too_early": "Please answer after I have asked.",
    "tampered": "That question was changed by somebody, so I do nothing.",
    "clock": "My clock is wrong, so I do nothing.",
}


@dataclass(frozen=True, slots=True)
class Settling:
    """Takes answers, and has done what was agreed to."""

    staging: Staging

    def answer(self, text: str, turn: Turn, speaker: Speaker) -> tuple[Outcome, Verdict] | None:
        """What comes of `text` as an answer; None where it is none, and a command of its own."""
        now = self.staging.wall()
        if turn.since is not None:
            self._played(speaker, now - turn.since)
        began = now if turn.spoken else None
        heard = Heard(text, speaker, now, turn.pending, began, spoken=turn.spoken)
        verdict = answered(self.staging.store, heard, self.staging.key)
        match verdict:
            case NoAnswer():
                return None
            case Settled(before):
                return self._agreed(before, text, turn), verdict
            case Cancelled(before, _, why, security):
                return _cancelled(why, security=security), verdict
            case AskAgain(before, after, why):
                return _again(before, after, why), verdict
            case AskWhich(pendings):
                return _which(pendings), verdict
            case Refused(why):
                return _no_answer(REFUSALS[why], why), verdict

    def cancel(self, turn: Turn, why: str) -> int:
        """Take back what this conversation was asked, wherever that was."""
        return cancel_all(self.staging.store, Speaker(turn.user.name, turn.session, "", ""), why)

    def waits(self, turn: Turn) -> bool:
        """Whether this conversation was ever asked something that the store still knows."""
        return bool(self.staging.store.of_session(turn.user.name, turn.session))

    def _played(self, speaker: Speaker, at: float) -> None:
        """The one question that was asked last has been played to its end."""
        pendings = self.staging.store.of_session(speaker.user, speaker.session)
        for last in sorted(pendings, key=lambda each: each.staged)[-1:]:
            self.staging.store.exchange(last, played(last, max(at, last.staged)))

    def _agreed(self, pending: Pending, text: str, turn: Turn) -> Outcome:
        call = self._call(pending.bound)
        if isinstance(call, NoCall):
            return Outcome("ERROR", f"I cannot do that any more: {call.why}.")
        try:
            return self._done(pending, call, text, turn)
        except VoiceApiError as error:
            return failed(error, intent_of(call))

    def _done(self, pending: Pending, call: Call, text: str, turn: Turn) -> Outcome:
        """Looked at again, as the user; whatever is not as it was asked about is asked about anew."""
        asked = pending.bound
        ready = self.staging.ready(call, turn.user, asked.speaker)
        if isinstance(ready, Outcome):
            return ready
        changed = drift(asked, replace(ready.bound, base=asked.base))
        if changed:
            why = f"I did nothing yet: {changed}."
            return self.staging.ask(call, turn.user, asked.speaker, why, asked.source)
        order = Order(turn.command, asked, text, asked.source, asked.level, turn.wanted)
        return self._told(self.staging.executor.carry_out(turn.user, call, order), call, asked, turn)

    def _told(self, carried: Carried, call: Call, asked: Bound, turn: Turn) -> Outcome:
        after, intent = after_write(carried.status), intent_of(call, asked.source)
        note = self.staging.executor.note(turn.user) if after.next == "done" else ""
        said = " ".join(part for part in (after.said, carried.said, note) if part)
        match after.next:
            case "done":
                return Outcome("SUCCESS", said, carried.data, intent)
            case "ask_again":
                return self.staging.ask(call, turn.user, asked.speaker, after.said, asked.source)
            case "denied":
                return denied("cluster_forbidden", said, "Ask whoever gives out rights there.", intent)
            case _:
                fix = "Look at the object before you say it again."
                error = {"code": f"change_{after.next}", "message": said, "fix": fix}
                return Outcome("ERROR", said, {**carried.data, "error": error}, intent)

    def _call(self, bound: Bound) -> Call | NoCall:
        """The call as it was stored: nothing of it comes from the answer."""
        call = validated(self.staging.functions, bound.function, json.loads(bound.arguments))
        if isinstance(call, NoCall):
            return call
        named = "node" if "node" in call.function.arguments.model_fields else "name"
        return replace(call, kinds={named: bound.target.kind})


def _no_answer(said: str, why: str) -> Outcome:
    error = {"code": f"answer_{why}", "message": said, "fix": "Say the command again."}
    return Outcome("ERROR", said, {"error": error})


def _cancelled(why: str, *, security: bool) -> Outcome:
    if security:
        return denied("answer_cancelled", f"I did nothing: {why}.", "Say the command again.")
    return Outcome("SUCCESS", "All right, I changed nothing.", {"cancelled": True})


def _again(before: Pending, after: Pending, why: str) -> Outcome:
    said = "That code is wrong." if why == "wrong_code" else "A yes is not enough for this."
    return asking(after, f"{said} {before.question}")


def _which(pendings: tuple[Pending, ...]) -> Outcome:
    named = [each.bound.target.name for each in pendings]
    ids = [each.id for each in pendings]
    return Outcome(
        "REQUIRES_CONFIRMATION", f"Which one do you mean: {choice(named)}?", {"confirmations": ids}
    )
