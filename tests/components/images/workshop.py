"""A registry and a buildkitd of its own, base images in the registry, and buildx to build with them."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]
BUILD = Path(__file__).with_name("build")
START_SECONDS = 60.0
BUILD_SECONDS = 1200.0
REMEMBERED = "3gb"
WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL")  # also when that is killed
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
SOURCE_DATE_EPOCH = "1763596800"
REVISION = "4f5c2ad"
IMAGES = ("voice-api", "voice-processor", "kvx")
PUSHED = "type=registry,oci-mediatypes=true"
PIP_FILES = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")
REGISTRY = """version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: {deletes}}}}}
http: {{addr: "127.0.0.1:{port}", secret: tests}}
{more}
"""
BUILDKITD = """root = "{state}"
[grpc]
  address = ["unix://{folder}/buildkitd.sock"]
[worker.containerd]
  enabled = false
[worker.oci]
  enabled = true
  gc = false
  networkMode = "host"
  snapshotter = "overlayfs"
[registry."localhost:{port}"]
  http = true
"""
BASE = """FROM scratch
ARG TARGETARCH
ARG KIND
ADD ${KIND}-${TARGETARCH}.tar /
ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
"""


class BuildFailedError(Exception):
    """What buildx said."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """`tools` is the component's folder, `folder` has what this one writes; `name` is its builder's."""

    tools: Path
    folder: Path
    port: int
    name: str = "tests"

    @property
    def registry(self) -> str:
        return f"localhost:{self.port}"

    @property
    def base(self) -> str:
        return f"{self.registry}/base/runtime:12"

    @property
    def builder(self) -> str:
        return f"{self.registry}/base/builder:12"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "PATH": f"{self.tools}:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.folder),
            "BUILDX_CONFIG": str(self.folder / "buildx"),
            "BUILDX_BUILDER": self.name,
            "DOCKER_CONFIG": str(self.folder / "docker"),
            "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH,
        }

    def buildx(self, *words: str, source: Path = ROOT, **environment: str) -> str:
        """`docker buildx WORDS`; what it printed. BuildFailedError with its own words."""
        program = self.tools / "docker" / "cli-plugins" / "docker-buildx"
        done = subprocess.run(
            [program, *words],
            env={**self.environment, **environment},
            cwd=source,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise BuildFailedError(done.stderr[-4_000:])
        return done.stdout + done.stderr

    def bake(
        self,
        tag: str,
        *flags: str,
        names: Sequence[str] = IMAGES,
        source: Path = ROOT,
        output: str = PUSHED,
        **variables: str,
    ) -> None:
        """These images of docker/docker-bake.hcl, pushed as NAME:TAG by default."""
        secrets = [f"id={name},src={file}" for name, file in set_up_for_pip()]
        usual = {
            "BASE": self.base,
            "BUILDER": self.builder,
            "REPOSITORY": self.registry,
            "TAG": tag,
            "VERSION": "0.1.0",
            "REVISION": REVISION,
            "SOURCE": "https://example.com/kvx",
        }
        self.buildx(
            *("bake", "--file=docker/docker-bake.hcl", "--provenance=false", "--allow=fs=*"),
            *(f"--set={name}.output={output}" for name in names),
            f"--set=*.secrets={secrets[0]}",
            *(f"--set=*.secrets+={each}" for each in secrets[1:]),
            *flags,
            *names,
            source=source,
            **{**usual, **variables},
        )


def set_up_for_pip() -> Iterator[tuple[str, Path]]:
    """The package index and the certificates that this machine is set up with, as secrets of the build."""
    yield "certificates", Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    named = (os.environ.get("PIP_CONFIG_FILE"), *PIP_FILES)
    files = (Path(name).expanduser() for name in named if name)
    yield from (("pip", file) for file in [next((each for each in files if each.is_file()), None)] if file)


@cache
def tools() -> Path:
    """The folder that `build` makes, or would."""
    told = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip())


@contextmanager
def memory(folder: Path) -> Iterator[Path]:
    """Where buildkitd remembers what it built the last time; two at once cannot share that: `folder` then."""
    with (tools() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield folder / "buildkit"
        else:
            tools().touch()
            yield tools() / "buildkit"


@dataclass(frozen=True, slots=True)
class LocalRegistry:
    """Debian's docker-registry on this machine; `folder` holds its files and its log."""

    folder: Path
    port: int

    @property
    def name(self) -> str:
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.name}/v2"


@contextmanager
def registry(folder: Path, more: str = "", *, deletes: bool = True) -> Iterator[LocalRegistry]:
    """Runs until the end; `more` is added to its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = folder / "registry.yml"
    file.write_text(REGISTRY.format(folder=folder, port=port, more=more, deletes=str(deletes).lower()))
    with _running(folder, {"PATH": "/usr/bin:/bin"}, "docker-registry", "serve", str(file)) as process:
        _until(process, lambda: _answers(port), folder / "docker-registry.log")
        yield LocalRegistry(folder, port)


@contextmanager
def opened(folder: Path, state: Path) -> Iterator[Workshop]:
    """Registry and buildkitd run until the end, the base images are pushed; `state` is buildkitd's memory."""
    with registry(folder) as local:
        workshop = Workshop(tools(), folder, local.port)
        with builder(workshop, workshop.name, folder, state):
            _push_bases(workshop)
            yield workshop
            workshop.buildx("prune", "--all", "--force", f"--max-used-space={REMEMBERED}")


@contextmanager
def builder(workshop: Workshop, name: str, folder: Path, state: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A buildkitd that buildx knows by that name.

    It has processes and mounts of its own, so that nothing of it stays behind when it is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, own_socket = folder / "buildkitd.toml", folder / "buildkitd.sock"
    file.write_text(BUILDKITD.format(folder=folder, state=state, port=workshop.port))
    words = ("buildkitd", "--config", str(file))
    with _running(folder, workshop.environment, *words, before=ALONE) as process:
        _until(process, own_socket.is_socket, folder / "buildkitd.log")
        workshop.buildx("create", "--name", name, "--driver", "remote", f"unix://{own_socket}")
        yield process


@contextmanager
def _running(
    folder: Path, environment: Mapping[str, str], program: str, *words: str, before: Sequence[str] = ()
) -> "Iterator[subprocess.Popen[bytes]]":
    """A program with its log beside its files; ended in good order, and by force after a while."""
    with (folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            [*WITH_ITS_PARENT, *before, tools() / program, *words],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.kill(innermost(process), signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def innermost(process: "subprocess.Popen[bytes]") -> int:
    """unshare waits beside what it started, and passes no signal on."""
    if process.poll() is not None:
        raise ProcessLookupError(process.pid)
    inside = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    is_unshare = Path(f"/proc/{process.pid}/comm").read_text().strip() == "unshare"
    return int(inside[0]) if is_unshare and inside else process.pid


def _until(process: "subprocess.Popen[bytes]", ready: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not ready():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def _answers(port: int) -> bool:
    """A registry that wants a login answers too."""
    try:
        return httpx.get(f"http://localhost:{port}/v2/", trust_env=False).status_code in (200, 401)
    except httpx.TransportError:
        return False


def _push_bases(workshop: Workshop) -> None:
    """The runtime for both architectures, the builder for this machine's."""
    context = workshop.folder / "base"
    context.mkdir()
    (context / "Dockerfile").write_text(BASE)
    for file in workshop.tools.glob("*.tar"):
        shutil.copy2(file, context)
    for kind, tag, platforms in (
        ("runtime", workshop.base, "linux/arm64,linux/amd64"),
        ("builder", workshop.builder, "linux/amd64"),
    ):
        out = f"type=image,name={tag},push=true,oci-mediatypes=true"
        flags = (
            "--provenance=false",
            f"--build-arg=KIND={kind}",
            f"--platform={platforms}",
            f"--output={out}",
        )
        workshop.buildx("build", *flags, str(context))
