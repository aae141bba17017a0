"""The arrows of docs/architecture.md: who may import whom."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KVX = ROOT / "cli" / "kvx"
VOICE_API = ROOT / "voice_api" / "voice_api"

# A part of kvx may import the parts named here, itself and the standard library.
KVX_ARROWS = {
    "errors": set(),
    "secret": set(),
    "machines": {"errors", "secret"},
    "cost": {"cluster", "errors", "machines"},
    "images": {"errors"},
    "cluster": {"errors"},
    "nodes": set(),
    "steps": {"cluster", "images", "machines", "secret"},
    "plan": {"steps"},
    "settings": {"errors", "secret"},
    "deployment": {"settings"},
    "world": set(),
    "journal": {"errors", "plan", "steps"},
    "lock": {"errors"},
    "report": {"errors", "plan", "steps"},
    "phases": {"cluster", "deployment", "errors", "images", "machines", "plan", "settings", "steps"},
    "targets": {"deployment", "errors", "phases", "plan"},
    "drivers": {
        "cluster",
        "cost",
        "errors",
        "images",
        "lint",
        "machines",
        "nodes",
        "plan",
        "secret",
        "steps",
        "supervisor",
        "world",
    },
    "lint": set(),
    "stop": set(),
    "perform": {"errors", "journal", "lock", "plan", "report", "stop", "world"},
    "execute": {"deployment", "journal", "lock", "perform", "plan", "report", "stop", "world"},
    "supervisor": set(),
    "commands": {
        "cluster",
        "cost",
        "deployment",
        "drivers",
        "errors",
        "execute",
        "images",
        "journal",
        "lint",
        "lock",
        "machines",
        "nodes",
        "phases",
        "plan",
        "report",
        "secret",
        "settings",
        "steps",
        "targets",
        "world",
    },
    "main": {"commands", "errors", "settings"},
}

VOICE_API_ARROWS = {
    "errors": set(),
    "speech": {"errors"},
    "cluster": {"errors"},
    "commands": {"cluster", "errors"},
    "audio": {"errors", "logs", "speech"},
    "sound_length": {"audio", "errors", "logs", "speech"},
    "model": {"errors", "speech"},
    "compiled_copies": {"errors", "model", "speech"},
    "figures": set(),
    "jobs": {"errors", "speech"},
    "usage": {"errors"},
    "extensions": {"cluster", "commands", "errors"},
    "language_model": {"commands", "engines", "errors"},
    "mcp": {"commands", "errors"},
    "users": {"cluster", "commands", "errors"},
    "engines": {"errors", "speech", "usage"},
    "bench": {"audio", "errors", "loading", "model", "settings", "speech", "version"},
}

# The outside world has one door each.
DOORS = [
    (KVX, "python_terraform", {"drivers"}),
    (KVX, "ansible_runner", {"drivers"}),
    (KVX, "docker", {"drivers"}),
    (KVX, "kubernetes", {"drivers"}),
    (KVX, "hcloud", {"drivers"}),
    (KVX, "botocore", {"drivers"}),
    (KVX, "kvx_rehearsal", set()),
    (KVX, "httpx", {"drivers"}),
    (KVX, "websocket", {"drivers"}),
    (KVX, "yaml", {"drivers", "lint", "nodes", "settings"}),
    (KVX, "subprocess", {"drivers", "supervisor"}),
    (KVX, "rich", {"report"}),
    (VOICE_API, "kubernetes", {"cluster"}),
    (VOICE_API, "onnx", {"bench", "speech"}),
    (VOICE_API, "onnxruntime", {"speech"}),
    (VOICE_API, "sqlite3", {"jobs"}),
    (VOICE_API, "subprocess", {"bench", "extensions"}),
    (VOICE_API, "fastapi", {"app", "http"}),
    (VOICE_API, "prometheus_client", {"figures"}),
    (VOICE_API, "jwt", {"users"}),
    (VOICE_API, "cryptography", {"users"}),
    (VOICE_API, "sqlalchemy", {"commands", "usage"}),
    (VOICE_API, "httpx", {"engines"}),
    (VOICE_API, "hume", {"engines"}),
    (VOICE_API, "websockets", {"engines"}),
]


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Each module with the part of the package it belongs to."""
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).parts[0].removesuffix(".py"), path


def imports(path: Path, package: str) -> set[str]:
    """Full names of the modules that a file imports, wherever in the file it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = f"{package}.{base}"
            found |= {base} if base != package else {f"{package}.{alias.name}" for alias in node.names}
    return found


def part_of(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize(
    ("package", "root", "arrows"), [("kvx", KVX, KVX_ARROWS), ("voice_api", VOICE_API, VOICE_API_ARROWS)]
)
def test_imports_point_down_the_list(package: str, root: Path, arrows: dict[str, set[str]]) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for part, path in modules(root)
        if part in arrows
        for name in imports(path, package)
        if name.startswith(f"{package}.") and part_of(name) not in arrows[part] | {part}
    ]
    assert not wrong


@pytest.mark.parametrize(("root", "library", "allowed"), DOORS)
def test_each_library_has_one_door(root: Path, library: str, allowed: set[str]) -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for part, path in modules(root)
        if part not in allowed and any(name.split(".")[0] == library for name in imports(path, root.name))
    ]
    assert not wrong


def test_the_two_distributions_never_import_each_other() -> None:
    wrong = [
        str(path)
        for root, other in ((KVX, "voice_api"), (VOICE_API, "kvx"))
        for _, path in modules(root)
        if any(name.split(".")[0] == other for name in imports(path, root.name))
    ]
    assert not wrong


@pytest.mark.parametrize("root", [KVX, VOICE_API])
def test_only_settings_and_the_entry_points_read_the_environment(root: Path) -> None:
    allowed = {"settings", "main", "__main__", "supervisor", "drivers"}
    wrong = [
        str(path.relative_to(ROOT))
        for part, path in modules(root)
        if part not in allowed and re.search(r"\bos\.(environ|getenv)\b", path.read_text())
    ]
    assert not wrong


@pytest.mark.parametrize("folder", ["docker", "ansible", "terraform", "k8s", "tests"])
def test_no_package_shadows_a_library(folder: str) -> None:
    assert not list((ROOT / folder).rglob("__init__.py"))


def test_nothing_is_patched_in_tests() -> None:
    forbidden = re.compile(r"unittest\.mock|monkeypatch\.setattr|mocker\.")
    here = Path(__file__)
    assert not [p for p in (ROOT / "tests").rglob("*.py") if p != here and forbidden.search(p.read_text())]
