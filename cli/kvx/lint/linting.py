"""Looks at manifests by all rules."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from kvx.lint.ignoring import ignored, in_vain, misused
from kvx.lint.node import words
from kvx.lint.objects import Manifests, Object
from kvx.lint.reading import Read, Unreadable, line_of
from kvx.lint.rule import Found, Rule
from kvx.lint.rules import BY_ID, RULES


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach as it is told; `line` is None where none is known, `reason` says why it is ignored."""

    rule: str
    source: str
    line: int | None
    object: str
    path: str
    message: str
    fix: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, and what was ignored with a reason."""

    objects: int
    findings: tuple[Finding, ...]
    ignored: tuple[Finding, ...]


def lint(texts: Iterable[Read], skipped: Collection[str] = ()) -> Report:
    """What the texts break, taken together; the rules in `skipped` are not asked."""
    read = tuple(texts)
    objects = tuple(each for text in read for each in text.objects)
    told = [_unreadable(each) for text in read for each in text.unreadable if each.rule not in skipped]
    told += list(_findings(Manifests(objects), skipped))
    ordered = sorted(dict.fromkeys(told), key=_place)
    return Report(
        objects=len(objects),
        findings=tuple(each for each in ordered if each.reason is None),
        ignored=tuple(each for each in ordered if each.reason is not None),
    )


def _place(finding: Finding) -> tuple[str, int, str, str, str]:
    return finding.source, finding.line or 0, finding.object, finding.path, finding.rule


def _findings(manifests: Manifests, skipped: Collection[str]) -> Iterator[Finding]:
    broken: dict[int, set[str]] = {}
    for rule in RULES:
        for found in rule.check(manifests) if rule.id not in skipped else ():
            broken.setdefault(id(found.object), set()).add(rule.id)
            yield _told(rule, found, ignored(found.object).get(rule.id))
    for each in manifests.objects:
        asked = BY_ID.keys() - set(skipped)
        beside = (
            (BY_ID["ignored-without-reason"], misused(each, BY_ID)),
            (BY_ID["ignored-in-vain"], in_vain(each, broken.get(id(each), ()), asked)),
        )
        for rule, places in beside:
            yield from (_told(rule, found, None) for found in places if rule.id not in skipped)


def _told(rule: Rule, found: Found, reason: str | None) -> Finding:
    item = found.object
    return Finding(
        rule=rule.id,
        source=item.source,
        line=line_of(item.marks, found.path),
        object=item.words,
        path=_path(item, found),
        message=found.message,
        fix=found.fix or rule.fix,
        reason=reason,
    )


def _path(item: Object, found: Found) -> str:
    return words(item.root.value, found.path)


def _unreadable(each: Unreadable) -> Finding:
    return Finding(each.rule, each.source, each.line, "", "", each.message, BY_ID[each.rule].fix)
