"""What may come of asking an engine that is not on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from voice_api.engines.choice import Reason
from voice_api.errors import VoiceApiError


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer; never the engine's own words, for they may repeat what was sent.

    spent                whether the engine may have done the work, so that it counts in full
    ours                 it is our own fault, and says nothing of the engine
    retry_after_seconds  when the engine says that trying again makes sense
    """

    reason: Reason
    spent: bool
    ours: bool = False
    retry_after_seconds: float | None = None


class EngineFailedError(VoiceApiError):
    """An engine did not answer; who asked goes to another one."""

    def __init__(self, engine: str, failure: Failure) -> None:
        message = f"the engine {engine} did not answer ({failure.reason})"
        super().__init__("engine_failed", message, "see its status page, or use the local engine", 502)
        self.failure = failure


def of_status(status: int, code: str | None, retry_after: str | None, now: datetime) -> Failure:
    """What a refusal by HTTP status means; `code` is the error's own, in OpenAI's schema."""
    match status:
        case 402:
            return Failure("exhausted", spent=False)
        case 429 if code in OUT_OF_CREDIT:
            return Failure("exhausted", spent=False)
        case 429:
            return Failure("throttled", spent=False, retry_after_seconds=waiting_seconds(retry_after, now))
        case 401 | 403:
            return Failure("refused", spent=False)
        case _ if 400 <= status < 500 and status != 408:
            return Failure("refused", spent=False, ours=True)
        case _:
            return Failure("failed", spent=False, retry_after_seconds=waiting_seconds(retry_after, now))


OUT_OF_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})


def waiting_seconds(retry_after: str | None, now: datetime) -> float | None:
    """Retry-After, which is whole seconds or a date; None where it is neither."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        then = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())


Key = Callable[[], str]
"""Where a key comes from, asked anew before each call, so that it is changed without a restart."""
