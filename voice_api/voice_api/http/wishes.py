"""Which engine a request wishes, who asks, and what its answer says of both."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args
from uuid import uuid4

from voice_api.engines.callers import ANYONE
from voice_api.engines.choice import Answered, Policy
from voice_api.engines.elsewhere import Elsewhere
from voice_api.engines.engine import LOCAL
from voice_api.engines.hearing import Wish
from voice_api.errors import VoiceApiError
from voice_api.settings import SWITCH
from voice_api.speech.protocol import Transcript

ENGINE, INSIST, KEY = "X-Kvx-Engine", "X-Kvx-Insist", "Idempotency-Key"
POLICIES: tuple[str, ...] = get_args(Policy)


@dataclass(frozen=True, slots=True)
class Wished:
    """A wish, and the one engine it is limited to, where it names one."""

    wish: Wish
    only: str | None = None

    @property
    def at_home(self) -> bool:
        """Nobody else needs to be asked."""
        return self.wish.policy == LOCAL

    @property
    def gently(self) -> "Wished":
        """For a reply to what was done already: it is rather spoken by another than not at all."""
        return replace(self, wish=replace(self.wish, insists=False))

    @property
    def here(self) -> "Wished":
        """For what is nobody else's to hear."""
        return Wished(replace(self.wish, policy="local"))

    def again(self, name: str) -> "Wished":
        """The same for one utterance of many."""
        return replace(self, wish=replace(self.wish, idempotency_key=f"{self.wish.idempotency_key}/{name}"))


HOME = Wished(Wish(ANYONE, ""))


def wished(
    elsewhere: Elsewhere, headers: Mapping[str, str], query: Mapping[str, str] | None = None
) -> Wished:
    """By headers, or where a browser cannot send any, by the query; VoiceApiError 400 for what is unknown.

    The engine is a policy or an engine's name; without one it is as the caller's key has it.
    """
    query = query or {}
    caller = elsewhere.callers.who(headers.get("authorization"))
    asked = headers.get(ENGINE.lower()) or query.get("engine") or caller.policy
    only = asked if asked in {each.name for each in elsewhere.engines} else None
    if only is None and asked not in POLICIES:
        known = (*POLICIES, *(each.name for each in elsewhere.engines))
        raise _unknown(ENGINE, asked, known)
    policy = "cloud" if only else cast(Policy, asked)
    insist = headers.get(INSIST.lower()) or query.get("insist") or "false"
    if insist.lower() not in SWITCH:
        raise _unknown(INSIST, insist, ("true", "false"))
    key = headers.get(KEY.lower()) or uuid4().hex
    return Wished(Wish(caller.name, key, policy, caller.consents, SWITCH[insist.lower()]), only)


def headers_of(answered: Answered) -> dict[str, str]:
    """Who answered, on every answer that was heard or spoken."""
    told = {"X-Kvx-Engine": answered.engine, "X-Kvx-Degraded": str(answered.degraded).lower()}
    return {**told, "X-Kvx-Reason": answered.reason} if answered.reason else told


def members_of(answered: Answered) -> dict[str, object]:
    """The same in JSON."""
    return {"engine": answered.engine, "degraded": answered.degraded, "reason": answered.reason}


def emotions_of(transcript: Transcript) -> dict[str, object]:
    """How it was said, where the engine tells that: data, by which nothing is decided."""
    return {"emotions": dict(transcript.emotions)} if transcript.emotions else {}


def _unknown(param: str, value: str, possible: tuple[str, ...]) -> VoiceApiError:
    message = f"{param} cannot be {value[:64]!r}"
    return VoiceApiError("unsupported_value", message, f"use one of: {', '.join(possible)}", param=param)
