"""An image unpacked from a registry and run by runc, locked down as the cluster runs it."""

import json
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
USER = 65532
QEMU = "/qemu-aarch64"
PROCESSOR = "neoverse-n1"
END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An image's files and configuration; `emulator` runs its programs where this machine cannot."""

    root: Path
    configuration: Mapping[str, Any]
    emulator: Path | None
    layers: tuple[str, ...] = ()

    def command(self, *words: str) -> list[str]:
        return [QEMU, *words] if self.emulator else list(words)


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs."""

    identity: str
    runc: Path
    log: Path
    image: Unpacked
    process: "subprocess.Popen[bytes]"

    def execute(self, *words: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        """A command inside it, as its user."""
        return subprocess.run(
            [self.runc, "exec", self.identity, *self.image.command(*words)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @property
    def peak_memory_bytes(self) -> int:
        return int((control_group(self.identity, "memory") / "memory.max_usage_in_bytes").read_text())

    @property
    def processor_seconds(self) -> float:
        """How long it has worked until now."""
        return int((control_group(self.identity, "cpuacct") / "cpuacct.usage").read_text()) / 1e9


def unpack(
    repository: str,
    tag: str,
    architecture: str,
    folder: Path,
    emulator: Path | None,
    *,
    beneath: Unpacked | None = None,
) -> Unpacked:
    """Every layer over the one before; `repository` as http://HOST:PORT/v2/NAME.

    Of an image that is made of the one `beneath`, only the layers that it has beside.
    """
    kinds = {"accept": f"{INDEX}, {MANIFEST}"}
    with httpx.Client(trust_env=False, timeout=60, headers=kinds) as client:
        index = client.get(f"{repository}/manifests/{tag}").raise_for_status().json()
        digest = next(
            each["digest"]
            for each in index["manifests"]
            if each["platform"] == {"architecture": architecture, "os": "linux"}
        )
        manifest = client.get(f"{repository}/manifests/{digest}").raise_for_status().json()
        configuration = client.get(f"{repository}/blobs/{manifest['config']['digest']}").json()
        root = folder / "root"
        folder.mkdir(parents=True, exist_ok=True)
        layers = tuple(layer["digest"] for layer in manifest["layers"])
        if beneath is None:
            root.mkdir()
        else:
            assert layers[: len(beneath.layers)] == beneath.layers, "it is not made of that one"
            words = ["cp", "--archive", "--link", beneath.root, root]
            subprocess.run(words, check=True, timeout=300)
        for layer in manifest["layers"][len(beneath.layers) if beneath else 0 :]:
            file = folder / "layer"
            file.write_bytes(client.get(f"{repository}/blobs/{layer['digest']}").raise_for_status().content)
            words = ["tar", "--extract", "--verbose", "--file", file, "--directory", root]
            told = subprocess.run(words, check=True, timeout=300, capture_output=True, text=True)
            assert "/.wh." not in told.stdout, "nothing is taken away"
            file.unlink()
    return Unpacked(root, configuration, emulator, layers)


@contextmanager
def running(
    image: Unpacked,
    runc: Path,
    folder: Path,
    *,
    environment: Mapping[str, str],
    memory_bytes: int = 512 << 20,
    processors: float = 1.0,
    mounted: Mapping[str, Path] | None = None,
) -> Iterator[Container]:
    """The image's own command, without capabilities, on a root file system that cannot be written.

    What is `mounted` can be: folders of this machine by their place in it.
    """
    identity = f"kvx-image-{secrets.token_hex(4)}"
    specification = _specification(image, identity, environment, memory_bytes, processors)
    for place, source in (mounted or {}).items():
        options = ["bind", "rw", "nosuid", "nodev"]
        mount = {"destination": place, "type": "bind", "source": str(source), "options": options}
        specification["mounts"].append(mount)
    (folder / "config.json").write_text(json.dumps(specification))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [runc, "run", "--bundle", folder, identity],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Container(identity, runc, log, image, process)
    finally:
        _end(process, runc, identity)


def _end(process: "subprocess.Popen[bytes]", runc: Path, identity: str) -> None:
    """SIGTERM as the cluster does it, and SIGKILL to all of it after a while."""
    subprocess.run([runc, "kill", identity, "TERM"], capture_output=True, timeout=30, check=False)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        subprocess.run(
            [runc, "kill", "--all", identity, "KILL"], capture_output=True, timeout=30, check=False
        )
        process.wait(END_SECONDS)
    subprocess.run([runc, "delete", "--force", identity], capture_output=True, timeout=30, check=False)


def control_group(identity: str, controller: str) -> Path:
    return Path("/sys/fs/cgroup") / controller / identity


def _specification(
    image: Unpacked, identity: str, environment: Mapping[str, str], memory_bytes: int, processors: float
) -> dict[str, Any]:
    runs = image.configuration["config"]
    own = [*runs["Env"], *(f"{name}={value}" for name, value in environment.items())]
    if image.emulator:
        own.append(f"QEMU_CPU={PROCESSOR}")
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": int(runs["User"].partition(":")[0]), "gid": USER},
            "args": image.command(*runs["Entrypoint"], *runs["Cmd"]),
            "env": own,
            "cwd": runs["WorkingDir"],
            "noNewPrivileges": True,
            "capabilities": {name: [] for name in ("bounding", "effective", "permitted", "ambient")},
        },
        "root": {"path": "root", "readonly": True},
        "mounts": list(_mounts(image)),
        "linux": {
            "cgroupsPath": f"/{identity}",
            "namespaces": [{"type": name} for name in ("pid", "ipc", "uts", "mount")],
            "resources": {
                "memory": {"limit": memory_bytes, "swap": memory_bytes},
                "cpu": {"quota": int(processors * 100_000), "period": 100_000},
                "devices": [{"allow": False, "access": "rwm"}],
            },
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
            "readonlyPaths": ["/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }


def _mounts(image: Unpacked) -> Iterator[dict[str, Any]]:
    yield {"destination": "/proc", "type": "proc", "source": "proc"}
    yield {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}
    small = ["nosuid", "nodev", "mode=1777", "size=65536k"]
    yield {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": small}
    for readable in ("/sys/fs/cgroup", "/sys/devices/system/cpu"):
        yield {"destination": readable, "type": "bind", "source": readable, "options": ["rbind", "ro"]}
    if image.emulator:
        yield {
            "destination": QEMU,
            "type": "bind",
            "source": str(image.emulator),
            "options": ["bind", "ro"],
        }


def wait_until_ready(container: Container, url: str, seconds: float) -> float:
    """Seconds until /ready answers 200."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        assert container.process.poll() is None, container.log.read_text()
        try:
            if httpx.get(f"{url}/ready", trust_env=False, timeout=10).status_code == httpx.codes.OK:
                return time.monotonic() - begin
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise AssertionError(container.log.read_text())
