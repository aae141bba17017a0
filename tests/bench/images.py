"""Measures the voice API's image: size, building and starting, beside the usual ways; prints Markdown tables.

Run by hand, as root: tests/components/images/build && .venv/bin/python tests/bench/images.py [WAY...]

Each way has a builder of its own that has built nothing yet. Processor seconds are those of the builder and
of all that it ran: on a busy machine they say more than those on the clock.
"""

import datetime
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))
sys.path.insert(0, str(Path(__file__).parents[1] / "images"))

from as_a_user import cloned
from container import Unpacked, running, unpack, wait_until_ready
from workshop import BASE, Workshop, builder, innermost, opened, set_up_for_pip, tools

BOTH = "linux/amd64,linux/arm64"
SINGLE_STAGE = Path(__file__).with_name("single-stage.Dockerfile")
KINDS = {"accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"}
STARTS = 5
MEGABYTE, MEBIBYTE = 1e6, 1 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """What a build took."""

    seconds: float
    processor_seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s ({self.processor_seconds:.0f})"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to build; `build(workshop, source, tag)` pushes voice-api:TAG."""

    name: str
    platforms: str
    build: Callable[[Workshop, Path, str], None]


def ours(platforms: str, packages: str) -> Callable[[Workshop, Path, str], None]:
    def build(workshop: Workshop, source: Path, tag: str) -> None:
        image = everywhere(workshop) if packages == "emulated" else workshop.builder
        workshop.bake(
            tag, names=("voice-api",), source=source, PLATFORMS=platforms, PACKAGES=packages, BUILDER=image
        )

    return build


def single_stage(platforms: str) -> Callable[[Workshop, Path, str], None]:
    def build(workshop: Workshop, source: Path, tag: str) -> None:
        secrets = (f"--secret=id={name},src={file}" for name, file in set_up_for_pip())
        out = f"type=image,name={workshop.registry}/voice-api:{tag},push=true,oci-mediatypes=true"
        flags = (f"--file={SINGLE_STAGE}", f"--platform={platforms}", f"--output={out}", "--provenance=false")
        workshop.buildx(
            "build",
            *flags,
            *secrets,
            f"--build-arg=BUILDER={everywhere(workshop)}",
            str(source),
            source=source,
        )

    return build


def everywhere(workshop: Workshop) -> str:
    """The builder image, for arm64 too."""
    return f"{workshop.registry}/base/everywhere:12"


WAYS = (
    Way("this image, both", BOTH, ours(BOTH, "native")),
    Way("this image", "linux/arm64", ours("linux/arm64", "native")),
    Way("this image, its pip emulated", "linux/arm64", ours("linux/arm64", "emulated")),
    Way("single stage", "linux/amd64", single_stage("linux/amd64")),
    Way("single stage, emulated", "linux/arm64", single_stage("linux/arm64")),
)


def main(numbers: list[int]) -> None:
    with tempfile.TemporaryDirectory(prefix="kvx-bench-") as place:
        folder = Path(place)
        with opened(folder / "first", folder / "first" / "buildkit") as workshop:
            push_everywhere(workshop)
            source = cloned(folder / "clone")
            print(f"{datetime.datetime.now(datetime.UTC):%F %H:%M} UTC, {os.cpu_count()} cores")
            print(f"load {os.getloadavg()[0]:.0f}; seconds, and in brackets those of the processor\n")
            print(row("way", "for", "compressed", "from nothing", "again", "a source changed"))
            print(row(*["---"] * 6), flush=True)
            for number in numbers:
                print(measured(WAYS[number], number, workshop, source, folder), flush=True)
            if 0 in numbers:
                print(starts(workshop, folder))


def push_everywhere(workshop: Workshop) -> None:
    """The builder image for both architectures; arm64's is made once."""
    context, kept = workshop.folder / "everywhere", tools() / "bench"
    context.mkdir()
    kept.mkdir(exist_ok=True)
    base = Path(__file__).parents[1] / "components" / "images" / "base"
    for architecture in ("amd64", "arm64"):
        root = kept / f"builder-{architecture}.tar"
        subprocess.run(["nice", base, "builder", architecture, root], check=True, timeout=1800)
        shutil.copyfile(root, context / root.name)
        with tarfile.open(context / root.name, "a") as archive:
            # A plain qemu does not look for programs where PATH says, as BuildKit's own does.
            link = tarfile.TarInfo("python3")
            link.type, link.linkname = tarfile.SYMTYPE, "usr/bin/python3"
            archive.addfile(link)
    (context / "Dockerfile").write_text(BASE)
    out = f"type=image,name={everywhere(workshop)},push=true,oci-mediatypes=true"
    flags = ("--provenance=false", "--build-arg=KIND=builder", f"--platform={BOTH}", f"--output={out}")
    workshop.buildx("build", *flags, str(context))


def measured(way: Way, number: int, workshop: Workshop, source: Path, folder: Path) -> str:
    """A row of the table."""
    tag = f"way-{number}"
    with another_builder(workshop, folder / tag) as (its, processor_seconds):

        def cost() -> Cost:
            begin, worked = time.monotonic(), processor_seconds()
            way.build(its, source, tag)
            return Cost(time.monotonic() - begin, processor_seconds() - worked)

        first, again = cost(), cost()
        changed = source / "voice_api" / "voice_api" / "__init__.py"
        before = changed.read_text()
        changed.write_text(f"{before}\nCHANGED = {number}\n")
        after_change = cost()
        changed.write_text(before)
    sizes = " + ".join(f"{size / MEGABYTE:.1f}" for size in compressed(workshop, tag))
    platforms = way.platforms.replace("linux/", "").replace(",", " + ")
    return row(way.name, platforms, f"{sizes} MB", first, again, after_change)


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


@contextmanager
def another_builder(workshop: Workshop, folder: Path) -> Iterator[tuple[Workshop, Callable[[], float]]]:
    """One that has built nothing, and how long it has worked until now."""
    with builder(workshop, folder.name, folder, folder / "state") as process:
        yield replace(workshop, name=folder.name), lambda: worked(innermost(process))


def worked(pid: int) -> float:
    """Processor seconds of a process and of all its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def compressed(workshop: Workshop, tag: str) -> Iterator[int]:
    """Bytes of each platform's layers."""
    with httpx.Client(trust_env=False, headers=KINDS, timeout=60) as client:
        url = f"http://{workshop.registry}/v2/voice-api/manifests"
        told = client.get(f"{url}/{tag}").raise_for_status().json()
        manifests = [client.get(f"{url}/{each['digest']}").json() for each in told.get("manifests", ())] or [
            told
        ]
    for manifest in manifests:
        yield sum(layer["size"] for layer in manifest["layers"])


def starts(workshop: Workshop, folder: Path) -> str:
    """amd64 with one processor and 512 MiB, as a cluster runs it: from its start until /ready."""
    image = unpack(f"http://{workshop.registry}/v2/voice-api", "way-0", "amd64", folder / "amd64", None)
    told = [started(image, folder / "amd64") for _ in range(STARTS)]
    lines = [
        row("start to /ready, one processor", "seconds", "of the processor", "memory at most"),
        row(*["---"] * 4),
    ]
    middle = tuple(map(statistics.median, zip(*told, strict=True)))
    for name, (seconds, of_processor, peak) in (("the first", told[0]), (f"median of {STARTS}", middle)):
        lines.append(row(name, f"{seconds:.1f}", f"{of_processor:.2f}", f"{peak:.0f} MiB"))
    return "\n".join(["", *lines])


def started(image: Unpacked, folder: Path) -> tuple[float, float, float]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own: dict[str, Any] = {
        "KVX_VOICE_PORT": str(port),
        "KVX_VOICE_METRICS_PORT": "0",
        "KVX_VOICE_KUBECONFIG": "none",
    }
    with running(image, tools() / "runc", folder, environment=own) as container:
        seconds = wait_until_ready(container, f"http://127.0.0.1:{port}", 300)
        return seconds, container.processor_seconds, container.peak_memory_bytes / MEBIBYTE


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(range(len(WAYS))))
