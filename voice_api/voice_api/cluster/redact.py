"""The one boundary where API objects and logs become text: no secret gets through. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HIDDEN = "(hidden)"
SECRETS = frozenset({"Secret", "SecretList"})
# What is never needed to answer, and what clients write whole objects into, secrets and all.
LEFT_OUT = frozenset({"managedFields", "stringData", "binaryData"})
ANNOTATIONS = frozenset({"deployment.kubernetes.io/revision", "kubernetes.io/change-cause"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What secrets look like.

    marks  in lower case: a text of plain ASCII that has the shape has one of them
    least  characters that such a text has
    kept   what of a match is left before what is hidden
    """

    pattern: re.Pattern[str]
    marks: tuple[str, ...]
    least: int
    kept: str = ""


def _shape(pattern: str, *marks: str, least: int = 0, kept: str = "") -> Shape:
    return Shape(re.compile(pattern, re.DOTALL), marks, least, kept)


SHAPES = (
    _shape(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        "private key",
        least=27,
    ),
    _shape(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?", "eyj", least=16),
    _shape(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}", "bearer", "basic", least=14),
    _shape(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", "akia", "asia", least=20),
    _shape(
        r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_|rk_|pk_|hf_|npm_|dop_v1_|kvx_)[\w-]{12,}",
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk-", "sk_", "rk_", "pk_"),
        *("hf_", "npm_", "dop_v1_", "kvx_"),
        least=15,
    ),
    _shape(r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)", "://", least=7),
    _shape(r"(?<!sha256:)(?<![\w-])[0-9a-fA-F]{32,}(?![\w-])", "", least=32),
    _shape(
        r"(?<![\w/+=.-])(?=[\w+/]*[A-Z])(?=[\w+/]*[a-z])(?=[\w+/]*\d)[\w+/]{32,}={0,2}(?![\w/+=.-])",
        "",
        least=32,
    ),
    _shape(
        r"(?i)\b([\w.-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api[-_ ]?key|access[-_ ]?key"
        r"|private[-_ ]?key|credential|authorization)[\w.-]*[\"']?\s*(?:[=:]|\bis\b)\s*[\"']?)"
        r"(?:bearer\s+|basic\s+)?[^\s\"',;&]+",
        *("passw", "pwd", "secret", "token", "key", "credential", "authorization"),
        least=5,
        kept=r"\1",
    ),
)


def masked(text: str) -> str:
    """`text` with everything hidden that has the shape of a secret, or stands behind the name of one.

    Patterns take long, and nearly nothing that an API server sends has a mark of one.
    """
    plain = text.isascii()
    lower, length = text.lower(), len(text)
    for shape in SHAPES:
        if plain and length < shape.least:
            continue
        for mark in shape.marks:
            if not plain or mark in lower:
                text = shape.pattern.sub(shape.kept + HIDDEN, text)
                break
    return text


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
    # Of every value of every object: a match of patterns would take twice as long.
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        if key == "annotations":
            return {name: masked(str(each)) for name, each in value.items() if name in ANNOTATIONS}
        return redacted(value)
    if isinstance(value, list):
        if key == "env":
            return [{"name": each.get("name"), "value": HIDDEN} for each in value if isinstance(each, dict)]
        return [_value(key, each) for each in value]
    return value
