"""What is left for a caller, in headers beside an answer: OpenAI's for requests, and this service's own."""

import asyncio
import logging
from math import ceil

from voice_api.engines.choice import Answered
from voice_api.engines.elsewhere import Elsewhere
from voice_api.errors import VoiceApiError
from voice_api.http.wishes import Wished, headers_of
from voice_api.usage.amounts import Unit
from voice_api.usage.budgets import Use, fits_at
from voice_api.usage.windows import AtOnce

log = logging.getLogger("voice_api.service")


async def answer_headers(elsewhere: Elsewhere, wished: Wished, answered: Answered) -> dict[str, str]:
    """Who answered; and where another engine was wished, what is left of its budgets."""
    told = headers_of(answered)
    if wished.at_home or answered.wished is None or answered.wished not in elsewhere.gates:
        return told
    try:
        left = await asyncio.to_thread(_left, elsewhere, answered.wished, wished.wish.caller)
    except VoiceApiError as error:
        log.warning("what is left is not known", extra={"code": error.code})
        return told
    return {**told, **left}


def _left(elsewhere: Elsewhere, engine: str, caller: str) -> dict[str, str]:
    uses, now = elsewhere.ledger.uses(engine, caller), elsewhere.ledger.now()
    told = {}
    if requests := _tightest(uses, Unit.REQUESTS):
        again = fits_at(requests, 1, now)
        told["x-ratelimit-limit-requests"] = str(requests.budget.most)
        told["x-ratelimit-remaining-requests"] = str(requests.left)
        told["x-ratelimit-reset-requests"] = f"{ceil(max(0, (again or now) - now) / 1000)}s"
    if sound := _tightest(uses, Unit.MILLISECONDS):
        told["X-Kvx-Seconds-Left"] = str(sound.left // 1000)
    if text := _tightest(uses, Unit.CHARACTERS):
        told["X-Kvx-Characters-Left"] = str(text.left)
    return told


def _tightest(uses: tuple[Use, ...], unit: Unit) -> Use | None:
    lasting = (use for use in uses if not isinstance(use.budget.window, AtOnce))
    return min((use for use in lasting if use.budget.unit == unit), key=lambda use: use.left, default=None)
