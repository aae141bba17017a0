"""The rate limit: a bucket per project, with its headers. Public documentation, "Rate Limiting"."""

import json
import math

from kvx_rehearsal.refusals import Refusal
from kvx_rehearsal.scenario import Scenario
from kvx_rehearsal.store import Store


def take(store: Store, scenario: Scenario, now: float) -> tuple[bool, dict[str, str]]:
    """Takes one call out of the bucket: whether there was one, and the headers that say what is left."""
    remaining, since = json.loads(store.remembered("bucket") or json.dumps([scenario.calls, now]))
    level = min(scenario.calls, remaining + (now - since) * scenario.calls_per_second)
    enough = level >= 1
    level -= 1 if enough else 0
    store.remember("bucket", json.dumps([level, now]))
    full_in = (scenario.calls - level) / scenario.calls_per_second if scenario.calls_per_second else 3600
    return enough, {
        "RateLimit-Limit": str(math.floor(scenario.calls)),
        "RateLimit-Remaining": str(math.floor(level)),
        "RateLimit-Reset": str(math.ceil(now + full_in)),
    }


def used_up(scenario: Scenario, token: str) -> Refusal:
    """Half of the token stands in the words, as users have posted them (frappe/press issue 5857)."""
    message = (
        f"Limit of '{math.floor(scenario.calls)}' requests per hour for token '{token[:32]}...' reached."
    )
    return Refusal("rate_limit_exceeded", message)
