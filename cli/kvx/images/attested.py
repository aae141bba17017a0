"""What is said of an image by others than itself, held against it: provenance and bill of materials."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kvx.images.bill import REVISION, SOURCE, Told, read_bill
from kvx.images.packages import Package

PROVENANCE = "https://slsa.dev/provenance/"
KINDS = ("provenance", "bill")
_ARGUMENTS = {REVISION: "build-arg:REVISION", SOURCE: "build-arg:SOURCE"}
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Attested:
    """What was attached to an image, as it was found; None for what was not."""

    provenance: bytes | None = None
    bill: bytes | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in KINDS if getattr(self, kind) is not None)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What does not agree; `kind` is stable, for programs."""

    kind: str
    words: str


def disagreements(
    attested: Attested, digest: str, labels: Mapping[str, str], packages: frozenset[Package]
) -> Iterator[Wrong]:
    """All that the image of that digest contradicts."""
    if attested.provenance is not None:
        yield from _of_provenance(attested.provenance, digest, labels)
    if attested.bill is not None:
        told = read_bill(attested.bill)
        if told is None:
            yield Wrong("bill_unreadable", "its bill of materials is none that CycloneDX 1.6 knows")
        else:
            yield from _of_bill(told, digest, labels, packages)


def _of_provenance(content: bytes, digest: str, labels: Mapping[str, str]) -> Iterator[Wrong]:
    """https://slsa.dev/spec/v1.0/provenance and its version 0.2: BuildKit writes either."""
    statement = _table(content)
    subjects = [_at(each, "digest", "sha256") for each in _list(statement.get("subject"))]
    if f"{digest.removeprefix('sha256:')}" not in subjects:
        yield Wrong("provenance_of_another", "its provenance is that of another image")
        return
    predicate = statement.get("predicate")
    arguments = _at(predicate, "invocation", "parameters", "args") or _at(
        predicate, "buildDefinition", "externalParameters", "request", "args"
    )
    for label, name in _ARGUMENTS.items():
        said = arguments.get(name) if isinstance(arguments, Mapping) else None
        if said != labels.get(label):
            words = f"its provenance names {said or 'nothing'} as {label}, and its label {labels.get(label)}"
            yield Wrong("provenance_disagrees", words)


def _of_bill(
    told: Told, digest: str, labels: Mapping[str, str], packages: frozenset[Package]
) -> Iterator[Wrong]:
    if told.digest != digest:
        yield Wrong("bill_of_another", f"its bill of materials is that of {told.digest}")
        return
    for name, said in ((REVISION, told.revision), (SOURCE, told.source)):
        if said != labels.get(name, ""):
            words = f"its bill names {said or 'nothing'} as {name}, and its label {labels.get(name)}"
            yield Wrong("bill_disagrees", words)
    inside = frozenset(each.url for each in packages)
    if missing := sorted(inside - told.packages):
        yield Wrong("package_unlisted", f"its bill does not list what is in it: {_some(missing)}")
    if unknown := sorted(told.packages - inside):
        yield Wrong("package_unknown", f"its bill lists what is not in it: {_some(unknown)}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _table(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(value: Any, *names: str) -> Any:
    """The value under these names, one in the other; None where one is missing."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
