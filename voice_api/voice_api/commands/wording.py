"""How answers are said aloud: numbers, plurals, lists, and reasons in plain words."""

import re
from collections.abc import Sequence

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SINGULAR = {"pods": "pod", "nodes": "node", "namespaces": "namespace", "deployments": "deployment"}

REASONS = {
    "CrashLoopBackOff": "crash looping",
    "ImagePullBackOff": "cannot pull its image",
    "ErrImagePull": "cannot pull its image",
    "InvalidImageName": "its image has an invalid name",
    "CreateContainerConfigError": "its configuration is incomplete",
    "CreateContainerError": "its container cannot be created",
    "RunContainerError": "its container cannot be started",
    "OOMKilled": "out of memory",
    "Error": "ended with an error",
    "Completed": "ended",
    "Evicted": "evicted",
    "Unschedulable": "no node for it",
    "ContainerCreating": "still being created",
    "PodInitializing": "still starting",
    "Terminating": "being deleted",
    "NodeLost": "its node is lost",
}
PHASES = {
    "Pending": "waiting to start",
    "Running": "running but not ready",
    "Failed": "failed",
    "Unknown": "in an unknown state",
}


def number(value: int) -> str:
    """A number as in the middle of a sentence: words up to ten, digits above."""
    return NUMBERS[value] if 0 <= value < len(NUMBERS) else str(value)


def counted(value: int, plural: str) -> str:
    """ "one pod", "three pods", "14 pods"."""
    return f"{number(value)} {SINGULAR[plural] if value == 1 else plural}"


def is_or_are(value: int) -> str:
    return "is" if value == 1 else "are"


def capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def listed(items: Sequence[str], joiner: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joiner} {items[-1]}"


def at_most(items: Sequence[str], limit: int) -> list[str]:
    """The first `limit` items, and how many more there are as the last one."""
    rest = len(items) - limit
    return list(items) if rest <= 0 else [*items[:limit], f"{number(rest)} more"]


def choice(candidates: Sequence[str]) -> str:
    """ "shop" when there is one, "one, shop; or two, staging" when there are more."""
    if len(candidates) == 1:
        return candidates[0]
    *most, last = [f"{number(place)}, {name}" for place, name in enumerate(candidates, start=1)]
    return f"{'; '.join(most)}; or {last}"


def place(namespace: str | None) -> str:
    """ " in shop", or nothing for the whole cluster."""
    return f" in {namespace}" if namespace else ""


def trouble(reason: str | None, phase: str) -> str:
    """Why a pod is not ready, from the API's reason or else its phase.

    The API's words are the cluster's, not ours: what is not known here is cut down to short plain words.
    """
    if reason is None:
        return PHASES.get(phase, "not ready")
    known = REASONS.get(reason)
    if known is not None:
        return known
    return " ".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+", reason[:60])).lower() or "not ready"
