"""Says which component a test needs, and what happens where it is missing."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
EVERYTHING_REQUIRED = os.environ.get("KVX_REQUIRE") == "all"


def _program(name: str) -> str | None:
    return None if shutil.which(name) else f"the program {name} is not on PATH"


def _root(_: str) -> str | None:
    return None if os.geteuid() == 0 else "only root may do this"


def _fixtures(component: str) -> ModuleType:
    """tests/components/<component>/fixtures.py, by its path: as a package it would shadow the library."""
    name = f"{component}_component"
    spec = spec_from_file_location(name, ROOT / "tests" / "components" / component / "fixtures.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_kubernetes = _fixtures("kubernetes")
api_server = _kubernetes.api_server
_object_storage = _fixtures("object-storage")
object_storage = _object_storage.object_storage

# Components that are more than a program on PATH; everything else is looked up there.
COMPONENTS: dict[str, Callable[[str], str | None]] = {
    "root": _root,
    "kube-apiserver": _kubernetes.missing,
    "hcloud-provider": _fixtures("hcloud-provider").missing,
    "checkov": _fixtures("checkov").missing,
    "object-storage": _object_storage.missing,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [
        reason
        for marker in item.iter_markers("needs")
        for name in marker.args
        if (reason := COMPONENTS.get(name, _program)(name))
    ]
    if missing and EVERYTHING_REQUIRED:
        pytest.fail("; ".join(missing), pytrace=False)
    if missing:
        pytest.skip("; ".join(missing))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that skips itself fails where everything is required."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and EVERYTHING_REQUIRED and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and KVX_REQUIRE=all: {report.longrepr}"
