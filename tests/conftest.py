"""Says which component a test needs, and what happens where it is missing."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
Done = subprocess.CompletedProcess[str]
Kvx = Callable[..., Done]
ANSWERS_SECONDS = 120
EVERYTHING_REQUIRED = os.environ.get("KVX_REQUIRE") == "all"

# Tests that run side by side may stand still for seconds.
settings.register_profile("side by side", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("side by side")


def _program(name: str) -> str | None:
    return None if shutil.which(name) else f"the program {name} is not on PATH"


def _root(_: str) -> str | None:
    return None if os.geteuid() == 0 else "only root may do this"


def _mount(folder: Path, size: str) -> str | None:
    """A file system of that size in memory, mounted at `folder`; why not, where that is not allowed."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "kvx-test", str(folder)]
    try:
        mounted = subprocess.run(mounting, capture_output=True, text=True, timeout=20, check=False)
    except OSError as error:
        return f"no file system can be mounted: {error}"
    return None if mounted.returncode == 0 else f"no file system can be mounted: {mounted.stderr.strip()}"


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], timeout=20, check=True)


@cache
def _tmpfs(_: str) -> str | None:
    """Even root may not mount everywhere, in a container for one: tried once."""
    with tempfile.TemporaryDirectory() as folder:
        reason = _mount(Path(folder), "16k")
        if reason is None:
            _unmount(Path(folder))
    return reason


def _device(name: str) -> str | None:
    return None if Path(name).exists() else f"this system has no {name}"


@pytest.fixture
def disk_of(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes a file system of a size such as "16k"; mark tests needs("tmpfs")."""
    folder = tmp_path / "disk"

    def make(size: str) -> Path:
        folder.mkdir()
        reason = _mount(folder, size)
        assert reason is None, reason
        return folder

    yield make
    if folder.is_mount():
        _unmount(folder)


@pytest.fixture
def clean_environment() -> dict[str, str]:
    """This environment without any variable of kvx."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KVX_", "HCLOUD_"))}


@pytest.fixture
def kvx_of(tmp_path: Path, clean_environment: dict[str, str]) -> Callable[[list[str]], Kvx]:
    """kvx as a program that is started so, in an empty folder, with a deadline."""

    def run(
        command: list[str], *arguments: str, cwd: Path = tmp_path, timeout: float = 300, **variables: str
    ) -> Done:
        return subprocess.run(
            [*command, *arguments],
            cwd=cwd,
            env=clean_environment | variables,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return lambda command: partial(run, command)


@pytest.fixture
def kvx(kvx_of: Callable[[list[str]], Kvx]) -> Kvx:
    return kvx_of([sys.executable, "-c", "from kvx.main import run; run()"])


@pytest.fixture
def all_answer() -> Callable[[Callable[[], Done]], Done]:
    """Types a `kvx status` again while a part of it, which has 2.3 s, was not to be had on a busy machine."""

    def again(typed: Callable[[], Done]) -> Done:
        end = time.monotonic() + ANSWERS_SECONDS
        while (done := typed()).returncode == 4 and time.monotonic() < end:
            time.sleep(1)
        return done

    return again


@cache
def _network_namespaces(_: str) -> str | None:
    """Whether a process may leave the network, by itself or as its own root."""
    for more in ((), ("--user",)):
        try:
            tried = subprocess.run(["unshare", *more, "--net", "true"], capture_output=True, check=False)
        except OSError as error:
            return f"no process can be started without a network: {error}"
        if tried.returncode == 0:
            return None
    return "this kernel gives no process a network of its own"


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
_cgroup = _fixtures("cgroup")
cgroup_of = _cgroup.cgroup_of
_arm64 = _fixtures("arm64")
arm64 = _arm64.arm64
_hosts = _fixtures("hosts")
hosts = _hosts.hosts
_container_hosts = _fixtures("container-hosts")
container_hosts = _container_hosts.container_hosts
_images = _fixtures("images")
local_registry = _images.local_registry
registry_with = _images.registry_with
workshop = _images.workshop
_node = _fixtures("node")
node = _node.node
voice_api_image = _node.voice_api_image
voice_processor_image = _node.voice_processor_image
kvx_image = _node.kvx_image
_speech_engines = _fixtures("speech-engines")
evi_server = _speech_engines.evi_server
realtime_server = _speech_engines.realtime_server
speech_server = _speech_engines.speech_server
relay_to = _speech_engines.relay_to
_k3s_stand_in = _fixtures("k3s-stand-in")
_postgresql = _fixtures("postgresql")
postgresql_server = _postgresql.postgresql_server
postgresql = _postgresql.postgresql
postgresql_archive = _postgresql.postgresql_archive

# Components that are more than a program on PATH; everything else is looked up there.
COMPONENTS: dict[str, Callable[[str], str | None]] = {
    "root": _root,
    "tmpfs": _tmpfs,
    "/dev/full": _device,
    "network namespaces": _network_namespaces,
    "kube-apiserver": _kubernetes.missing,
    "hcloud-provider": _fixtures("hcloud-provider").missing,
    "checkov": _fixtures("checkov").missing,
    "definitions": _fixtures("definitions").missing,
    "kubernetes-validate": _fixtures("kubernetes-validate").missing,
    "object-storage": _object_storage.missing,
    "cgroup": _cgroup.missing,
    "arm64": _arm64.missing,
    "optimum": _fixtures("optimum").missing,
    "peers": _fixtures("peers").missing,
    "hosts": _hosts.missing,
    "images": _images.missing,
    "container-hosts": _container_hosts.missing,
    "rented-hosts": _hosts.rented_missing,
    "node": _node.missing,
    "postgresql": _postgresql.missing,
    "k3s-stand-in": _k3s_stand_in.missing,
    "k3s-with-containers": _k3s_stand_in.missing_with_containers,
}


# What runs side by side, by what it needs. Hosts share this machine's kernel and change its settings, a node
# stands for all its tests, and so does an API server: of one kind never two at a time. The node's tests are
# through first, so those of the other processor, which is slow, go with them.
SIDES = {
    "hosts": {"container-hosts", "hosts", "rented-hosts"},
    "node": {"node", "arm64"},
    "api-server": {"kube-apiserver", "images"},
}
OTHERS = "others"
MACHINES = ("hosts", "node")


def pytest_addoption(parser: pytest.Parser) -> None:
    choices = (*SIDES, OTHERS)
    parser.addoption("--side", choices=choices, help="only tests that need this, or nothing of the kind")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A side reads only the files that name what it needs; `others` reads all of them."""
    kind = SIDES.get(config.getoption("--side"), set())
    if not kind or collection_path.suffix != ".py":
        return None
    return True if not _named(kind, collection_path) else None


def _named(kind: set[str], file: Path) -> bool:
    """Whether the file says it, or the conftest.py beside it."""
    texts = [each.read_text() for each in (file, file.with_name("conftest.py")) if each.exists()]
    return any(f'"{name}"' in text for name in kind for text in texts)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is quick comes first; the drills, whose hosts stand to the end, come last of all.

    Before them comes what needs the node, which stands to the end too.
    """
    if wanted := config.getoption("--side"):
        if wanted == OTHERS:
            _refuse_the_unseen(items)
        others = [item for item in items if _side(item) != wanted]
        items[:] = [item for item in items if _side(item) == wanted]
        config.hook.pytest_deselected(items=others)
    items.sort(key=_how_late)


def _refuse_the_unseen(items: list[pytest.Item]) -> None:
    """No side would run a test whose file names nothing of what it needs."""
    unseen = {
        str(item.path)
        for item in items
        if (side := _side(item)) != OTHERS and not _named(SIDES[side], item.path)
    }
    if unseen:
        raise pytest.UsageError(f"needs(...) is not written in the file: {', '.join(sorted(unseen))}")


def _side(item: pytest.Item) -> str:
    """Where a test is at home among those that run side by side."""
    needed = {name for marker in item.iter_markers("needs") for name in marker.args}
    return next((side for side, kind in SIDES.items() if kind & needed), OTHERS)


def _how_late(item: pytest.Item) -> int:
    if ROOT / "tests" / "drills" in item.path.parents:
        return 2
    return 1 if _side(item) in MACHINES else 0


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
