"""Rules that a manifest has ignored by an annotation, lint.kvx/RULE: the reason."""

from collections.abc import Collection, Iterator, Mapping

from kvx.lint.objects import Object
from kvx.lint.rule import Found

PREFIX = "lint.kvx/"


def ignored(item: Object) -> Mapping[str, str]:
    """The rules that an object has ignored, with the reason; what has no reason is not ignored."""
    annotations = item.root.at("metadata", "annotations").pairs
    return {
        key.removeprefix(PREFIX): value.text.strip()
        for key, value in annotations
        if key.startswith(PREFIX) and value.text.strip()
    }


def misused(item: Object, known: Collection[str]) -> Iterator[Found]:
    """Annotations without a reason, or for a rule that there is not."""
    for key, value in item.root.at("metadata", "annotations").pairs:
        rule = key.removeprefix(PREFIX)
        if not key.startswith(PREFIX):
            continue
        if rule not in known:
            yield Found(item, value.path, f"there is no rule {rule}", "kvx lint --rules lists them")
        elif not value.text.strip():
            yield Found(item, value.path, f"it does not say why {rule} is ignored")


def in_vain(item: Object, found: Collection[str], known: Collection[str]) -> Iterator[Found]:
    """Annotations of known rules that nothing breaks."""
    for rule in ignored(item):
        if rule in known and rule not in found:
            path = ("metadata", "annotations", f"{PREFIX}{rule}")
            yield Found(item, path, f"nothing here breaks {rule}")
