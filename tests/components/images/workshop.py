"""A registry and a buildkitd of its own, base images in the registry, and buildx to build with them."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]
BUILD = Path(__file__).with_name("build")
START_SECONDS = 60.0
BUILD_SECONDS = 900.0
SOURCE_DATE_EPOCH = "1763596800"
REGISTRY = """version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: tests}}
"""
BUILDKITD = """root = "{folder}/buildkit"
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
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
"""


class BuildFailedError(Exception):
    """What buildx said."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where things are: `tools` is the component's folder, `folder` has what this one writes."""

    tools: Path
    folder: Path
    port: int

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
            "BUILDX_BUILDER": "tests",
            "DOCKER_CONFIG": str(self.folder / "docker"),
            "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH,
        }

    def buildx(self, *words: str, **environment: str) -> str:
        """`docker buildx WORDS`; what it printed. BuildFailedError with its own words."""
        program = self.tools / "docker" / "cli-plugins" / "docker-buildx"
        done = subprocess.run(
            ["nice", "-n", "19", program, *words],
            env={**self.environment, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise BuildFailedError(done.stderr[-4_000:])
        return done.stdout + done.stderr


def tools() -> Path:
    """The folder that `build` makes, or would."""
    told = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip())


@contextmanager
def opened(folder: Path) -> Iterator[Workshop]:
    """Registry and buildkitd run until the end; the base images are pushed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    workshop = Workshop(tools(), folder, port)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "registry.yml").write_text(REGISTRY.format(folder=folder, port=port))
    (folder / "buildkitd.toml").write_text(BUILDKITD.format(folder=folder, port=port))
    with (
        _running(workshop, "docker-registry", "serve", str(folder / "registry.yml")) as registry,
        _running(workshop, "buildkitd", "--config", str(folder / "buildkitd.toml")) as buildkitd,
    ):
        _until(registry, lambda: _answers(workshop), folder / "docker-registry.log")
        _until(buildkitd, (folder / "buildkitd.sock").is_socket, folder / "buildkitd.log")
        workshop.buildx("create", "--name", "tests", "--driver", "remote", f"unix://{folder}/buildkitd.sock")
        _push_bases(workshop)
        yield workshop


@contextmanager
def _running(workshop: Workshop, program: str, *words: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A program with its log beside its files; ended in good order, and by force after a while."""
    with (workshop.folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            ["nice", "-n", "19", workshop.tools / program, *words],
            env=workshop.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _until(process: "subprocess.Popen[bytes]", ready, log: Path) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + START_SECONDS
    while not ready():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def _answers(workshop: Workshop) -> bool:
    try:
        return httpx.get(f"http://{workshop.registry}/v2/", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _push_bases(workshop: Workshop) -> None:
    """The runtime for both architectures, the builder for this machine's."""
    context = workshop.folder / "base"
    context.mkdir()
    (context / "Dockerfile").write_text(BASE)
    for file in workshop.tools.glob("*.tar"):
        os.link(file, context / file.name) if _same_disk(file, context) else shutil.copy(file, context)
    for kind, tag, platforms in (
        ("runtime", workshop.base, "linux/arm64,linux/amd64"),
        ("builder", workshop.builder, "linux/amd64"),
    ):
        out = f"type=image,name={tag},push=true,rewrite-timestamp=true"
        flags = ("--provenance=false", f"--build-arg=KIND={kind}", f"--platform={platforms}", f"--output={out}")
        workshop.buildx("build", *flags, str(context))


def _same_disk(file: Path, folder: Path) -> bool:
    return file.stat().st_dev == folder.stat().st_dev
