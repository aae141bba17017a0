"""Compares an object with the one in the cluster, by the server's own dry run of applying it."""

from collections.abc import Collection
from typing import Any

import yaml

from kvx.cluster.charts import brought
from kvx.cluster.difference import Change, change_of
from kvx.cluster.order import key_of
from kvx.cluster.refusals import ApiError
from kvx.drivers.api_server import Api, Object
from kvx.errors import ExitCode

MISSING = 404
GroupKind = tuple[str, str]


def compared(
    api: Api, wanted: Object, coming: Collection[GroupKind] = (), *, quota_changes: bool = False
) -> Change | None:
    """What applying it would change, None for nothing; nothing is written.

    What the server cannot look at yet is added unchecked: its namespace is not there, or its definition,
    which is among those `coming`; or the quota has no room for it, and is one of those that change.
    """
    try:
        live = api.find(wanted)
        return change_of(live, api.apply(wanted, dry_run=True) if live else _made(api, wanted))
    except ApiError as error:
        if quota_changes and error.over_quota:
            return change_of(None, wanted, checked=False)
        unknown_kind = error.exit_code is ExitCode.MISSING
        if error.status != MISSING or (unknown_kind and key_of(wanted)[:2] not in coming):
            raise
        return change_of(None, wanted, checked=False)


def defined_by(objects: Collection[Object]) -> frozenset[GroupKind]:
    """Group and kind that definitions and charts among the objects bring."""
    specs = [each["spec"] for each in objects if each.get("kind") == "CustomResourceDefinition"]
    return frozenset((spec["group"], spec["names"]["kind"]) for spec in specs) | brought(objects)


def _made(api: Api, wanted: Object) -> dict[str, Any]:
    """The server is asked whether it would take it; what is shown is what was wanted, without defaults."""
    api.apply(wanted, dry_run=True)
    return dict(wanted)


def yaml_of(value: dict[str, Any]) -> str:
    """A value as people write it: keys in their order of meaning, texts of many lines as such."""
    first = ("apiVersion", "kind", "metadata")
    ordered = {key: value[key] for key in (*first, *sorted(value.keys() - set(first))) if key in value}
    return yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, but for texts of many lines, and no anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
