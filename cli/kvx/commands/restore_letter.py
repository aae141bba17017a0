"""What a restore would do, in words: where the archive is from, and each object that would change."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kvx.cluster.difference import Change, hunks, summary


def lines_of(
    archive: Path, manifest: Mapping[str, Any], changes: Sequence[Change], *, same_cluster: bool
) -> list[str]:
    """For a person; of what is there already, line by line what changes."""
    origin, release = manifest["origin"], manifest["release"]
    where = "from this cluster" if same_cluster else f"from another cluster, {origin['address']}"
    what = f"release {release}" if release else "no release"
    return [
        f"{archive} was made on {manifest['taken']} by {manifest['made_by']}, {where}: {what}.",
        *(f"  not in it: {each['what']} ({each['why']})" for each in manifest["left_out"]),
        *_others(manifest),
        f"To put it back: {summary(changes)}.",
        *(line for change in changes for line in _change(change)),
    ]


def database_lines(manifest: Mapping[str, Any], *, there: bool, replaces: bool) -> list[str]:
    """What becomes of the database; older archives know nothing of one."""
    about = manifest.get("database")
    if about is None:
        return []
    if not there:
        return ["  not      the database: it is sealed, and --without-secrets was said"]
    size = f"{about['bytes'] / 1e3:.0f} kB of SQL"
    how = "in the place of what is in it now" if replaces else "where nothing is in it yet, else it is left"
    return [f"  database {size}, put back {how}"]


def change_data(change: Change) -> dict[str, object]:
    """For programs; `diff` is empty where the object is not there."""
    lines = list(_hunks(change)) if change.kind == "changed" else []
    _, kind, namespace, name = change.key
    where = {"kind": kind, "namespace": namespace or None, "name": name}
    return {"change": change.kind, **where, "checked": change.checked, "diff": lines}


def _others(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Fields that others had set are restored as kvx's, and the next deploy may not want them."""
    for each in manifest["objects"]:
        if each.get("also_set_by"):
            yield f"  {each['kind']} {each['name']} was also set by {', '.join(each['also_set_by'])}"


def _change(change: Change) -> Iterator[str]:
    unchecked = "" if change.checked else ", which the server can check once its namespace is there"
    yield f"  {change.kind:<8} {change.words}{unchecked}"
    if change.kind == "changed":
        yield from (f"    {line}" for line in _hunks(change))


def _hunks(change: Change) -> tuple[str, ...]:
    from kvx.drivers.comparing import yaml_of

    return hunks(change, yaml_of)
