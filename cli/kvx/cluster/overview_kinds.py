"""Which kinds of objects the last release has, by the settings in which releases are kept."""

from collections.abc import Sequence

from kvx.cluster.releases import LABEL, from_object
from kvx.cluster.trouble import Object
from kvx.errors import KvxError


def released_kinds(settings: Sequence[Object]) -> frozenset[str]:
    """Of the newest release that can be read; what is wrong with the others is told elsewhere."""
    numbered = [each for each in settings if _number(each) >= 0]
    for each in sorted(numbered, key=_number, reverse=True):
        try:
            return frozenset(str(item.get("kind")) for item in from_object(each).objects)
        except KvxError:
            continue
    return frozenset()


def _number(settings: Object) -> int:
    label = str(((settings.get("metadata") or {}).get("labels") or {}).get(LABEL, ""))
    return int(label) if label.isdigit() else -1
