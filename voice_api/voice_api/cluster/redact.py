"""The one boundary where API objects and logs become text: no secret gets through. Pure."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"
SECRETS = frozenset({"Secret", "SecretList"})
# What is never needed to answer, and what clients write whole objects into, secrets and all.
LEFT_OUT = frozenset({"managedFields", "stringData", "binaryData"})
ANNOTATIONS = frozenset({"deployment.kubernetes.io/revision", "kubernetes.io/change-cause"})
BEHIND_A_NAME = (
    r"(?i)\b([\w.-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key"
    r"|credential|authorization)[\w.-]*[\"']?\s*(?:[=:]|\bis\b)\s*[\"']?)(?:bearer\s+|basic\s+)?[^\s\"',;&]+"
)
SHAPES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?",
        r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_|rk_|pk_|hf_|npm_|dop_v1_|kvx_)[\w-]{12,}",
        r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)",
        r"(?<!sha256:)(?<![\w-])[0-9a-fA-F]{32,}(?![\w-])",
        r"(?<![\w/+=.-])(?=[\w+/]*[A-Z])(?=[\w+/]*[a-z])(?=[\w+/]*\d)[\w+/]{32,}={0,2}(?![\w/+=.-])",
    )
)
_BEHIND = re.compile(BEHIND_A_NAME)


def masked(text: str) -> str:
    """`text` with everything hidden that has the shape of a secret, or stands behind the name of one."""
    for shape in SHAPES:
        text = shape.sub(HIDDEN, text)
    return _BEHIND.sub(rf"\1{HIDDEN}", text)


def redacted(item: Mapping[str, Any]) -> dict[str, Any]:
    """An API object, or a list of them, without its secrets; whoever speaks of it sees nothing else."""
    if item.get("kind") in SECRETS:
        return _secret(item)
    return {key: _value(key, value) for key, value in item.items() if key not in LEFT_OUT}


def _secret(item: Mapping[str, Any]) -> dict[str, Any]:
    """Of a Secret only that it is there; the items of a list say no kind of their own."""
    kept = {key: redacted(value) for key, value in item.items() if key == "metadata"}
    listed = {"items": [_secret(each) for each in item["items"]]} if "items" in item else {}
    return {"kind": item.get("kind", "Secret"), **kept, **listed}


def _value(key: str, value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case list() if key == "env":
            return [{"name": each.get("name"), "value": HIDDEN} for each in value if isinstance(each, dict)]
        case dict() if key == "annotations":
            return {name: masked(str(each)) for name, each in value.items() if name in ANNOTATIONS}
        case dict():
            return redacted(value)
        case list():
            return [_value(key, each) for each in value]
        case _:
            return value
