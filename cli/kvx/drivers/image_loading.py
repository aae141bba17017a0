"""Loads images onto every node by SSH, into k3s' containerd: only what a node lacks, and proven there."""

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvx.drivers import image_records
from kvx.drivers.blobs import layout_folder
from kvx.drivers.image_sending import FOLDER, Part, Sending
from kvx.drivers.inventory import read_inventory
from kvx.drivers.layout import Layout
from kvx.drivers.reaching import usable_key
from kvx.drivers.ssh_failures import failure_of
from kvx.drivers.ssh_probe import Way
from kvx.drivers.ssh_work import SSH_FAILED, Remote, Said, Work, not_reached, work_on
from kvx.errors import ExitCode, KvxError
from kvx.images.nodes import ROOM_FOR_EACH_BYTE, NodeImages, heard
from kvx.nodes.inventory import Host
from kvx.steps.images import LoadImages
from kvx.world import Outcome, World

FILE = "images.json"
THERE = "/var/lib/kvx/images"
ATTEMPTS = 4
_PAUSE_SECONDS = 3.0
_LOOKING_SECONDS = 60.0
_NO_K3S, _DAMAGED = 69, 65
# awk, df, find and sha256sum are in every Debian; what k3s itself says of a failure goes to stderr.
_LOOK = """
command -v k3s >/dev/null || exit {no_k3s}
images=$(k3s ctr images ls) && blobs=$(k3s ctr content ls -q) || exit 1
echo machine "$(uname -m)"
echo "$images" | awk '$1 ~ /^kvx\\.invalid\\// {{print "image", $1, $3}}'
k3s ctr images check -q {filter} | sed 's/^/ready /'
echo "$blobs" | sed 's/^/blob /'
mkdir -p -m 700 {there}
find {there} -name '*.part' -printf 'part %f %s\\n'
df -Pk {there} | awk 'NR == 2 {{print "free", $4}}'
"""
_SEND = """
cd {there} && find . -type f ! -name {part} -delete && cat >>{part}
"""
_IMPORT = """
cd {there} || exit 1
echo {digest}'  '{part} | sha256sum --check --status || {{ rm -f {part}; exit {damaged}; }}
k3s ctr images import {part} >/dev/null || exit 1
k3s ctr images label {name} io.cri-containerd.pinned=pinned >/dev/null || exit 1
rm -f {part}
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one node was sent."""

    sent_bytes: int
    whole_bytes: int


def is_done(step: LoadImages, world: World) -> bool:
    """Whether every node has every image that is kept, by its digest."""
    if not (step.folder / FILE).exists():
        return False
    way, hosts = way_of(step)
    for sending in _sendings(step, world):
        found = work_on(
            {host: looked(way, host, sending.name) for host in hosts}, way, _LOOKING_SECONDS, world
        )
        if not all(each.value and each.value.has(sending.name, sending.digest) for each in found.values()):
            return False
    return True


def perform(step: LoadImages, world: World) -> Outcome:
    """Raises a KvxError that names the nodes which have it not; the others have it then."""
    way, hosts = way_of(step)
    lines, sent = [], 0
    for sending in _sendings(step, world):
        works = {host: _loading(way, host, sending, world) for host in hosts}
        found = work_on(works, way, step.deadline_seconds, world)
        errors = {host: each.error for host, each in found.items() if each.error}
        if errors:
            raise not_loaded(list(errors.values()), len(hosts))
        for host, each in found.items():
            loaded = each.value or Loaded(0, 0)
            sent += loaded.sent_bytes
            lines.append(f"{host.name}: {_mb(loaded.sent_bytes)} of {_mb(loaded.whole_bytes)} were new to it")
    shutil.rmtree(_sending_folder(step), ignore_errors=True)
    return Outcome(changed=True, lines=tuple(lines), data={"nodes": len(hosts), "sent_bytes": sent})


def way_of(step: LoadImages) -> tuple[Way, tuple[Host, ...]]:
    """How the nodes are reached, and those that run k3s."""
    inventory = read_inventory(step.folder)
    return Way(step.folder, inventory, usable_key(step.key)), (*inventory.servers, *inventory.agents)


def _sendings(step: LoadImages, world: World) -> list[Sending]:
    kept = [each for each in image_records.kept(step.folder / FILE).values() if each.reference.is_local]
    folder = layout_folder(step.folder)
    return [Sending(each, Layout(folder, each.reference, world), _sending_folder(step)) for each in kept]


def _sending_folder(step: LoadImages) -> Path:
    return step.folder / "images" / FOLDER


def looked(way: Way, host: Host, *names: str) -> Work[NodeImages]:
    """What a node has; of the names also whether they are whole."""
    filters = " ".join(shlex.quote(f"name=={name}") for name in names)
    script = _LOOK.format(no_k3s=_NO_K3S, filter=filters, there=THERE)
    said = yield from _answered(way, host, script)
    if said.code == _NO_K3S:
        message = f"{host.name} has no k3s to load images into"
        raise KvxError(message, "kvx ansible", ExitCode.MISSING)
    if said.code != 0:
        message = f"{host.name}: k3s does not tell its images: {said.words}"
        raise KvxError(message, f"kvx nodes run --on {host.name} -- systemctl status 'k3s*'")
    return heard(said.output.splitlines())


def _loading(way: Way, host: Host, sending: Sending, world: World) -> Work[Loaded]:
    """Look, send, import, and look again; once more from the beginning where something came between."""
    sent, why = 0, ""
    for _ in range(ATTEMPTS):
        seen = yield from looked(way, host, sending.name)
        whole = sum(each.size_bytes for each in sending.needed(seen.architecture))
        if seen.has(sending.name, sending.digest):
            return Loaded(sent, whole)
        part = sending.part(seen.architecture, seen.blobs)
        offset = min(seen.parts.get(_part_name(part), 0), part.path.stat().st_size)
        _refuse_full_disk(host, seen, part, offset)
        size = part.path.stat().st_size
        if offset < size:
            world.progress(f"{host.name}: sends {_mb(size - offset)} of {_mb(whole)}")
        script = _SEND.format(there=THERE, part=_part_name(part))
        said = yield Remote(script, part.path, offset, 0 if not why else _PAUSE_SECONDS)
        if said.code == SSH_FAILED and failure_of(said.talk).may_pass:
            why = f"the connection broke off: {said.words}"
            world.progress(f"{host.name}: {why}; goes on from where it was")
            continue
        sent += part.size_bytes
        why = yield from _imported(way, host, sending.name, part, said)
    message = f"{host.name} has not got {sending.name} after {ATTEMPTS} attempts: {why or 'it is not whole'}"
    raise KvxError(message, f"kvx nodes run --on {host.name} -- k3s ctr images check")


def _imported(way: Way, host: Host, name: str, part: Part, sent: Said) -> Work[str]:
    """Why it could not be imported, empty where it could; KvxError for what another attempt cannot mend."""
    if sent.code == SSH_FAILED:
        raise not_reached(way, host, sent)
    if sent.code != 0:
        message = f"{host.name} cannot keep what is sent: {sent.words}"
        raise KvxError(message, f"kvx nodes run --on {host.name} -- df -h {THERE}")
    script = _IMPORT.format(
        there=THERE, part=_part_name(part), digest=part.digest, name=name, damaged=_DAMAGED
    )
    said = yield from _answered(way, host, script)
    if said.code == 0:
        return ""
    return "it was damaged on the way" if said.code == _DAMAGED else said.words


def _answered(way: Way, host: Host, script: str) -> Work[Said]:
    """A script that may be run twice: again where ssh did not come through."""
    for attempt in range(1, ATTEMPTS + 1):
        said = yield Remote(script, pause_seconds=_PAUSE_SECONDS if attempt > 1 else 0)
        if said.code != SSH_FAILED:
            return said
        if not failure_of(said.talk).may_pass or attempt == ATTEMPTS:
            raise not_reached(way, host, said)
    raise AssertionError("the last attempt returns or raises")


def _refuse_full_disk(host: Host, seen: NodeImages, part: Part, offset: int) -> None:
    needed = part.size_bytes * ROOM_FOR_EACH_BYTE - offset
    if seen.free_bytes < needed:
        message = f"{host.name} has {_mb(seen.free_bytes)} free, and the image needs {_mb(needed)} there"
        raise KvxError(message, f"kvx nodes run --on {host.name} -- k3s crictl rmi --prune")


def not_loaded(errors: Sequence[KvxError], count: int) -> KvxError:
    words = "; ".join(each.message for each in errors)
    rest = f" (the other {count - len(errors)} have it)" if len(errors) < count else ""
    return KvxError(f"{words}{rest}", errors[0].fix, errors[0].exit_code)


def _part_name(part: Part) -> str:
    return f"{part.digest}.part"


def _mb(size: float) -> str:
    return f"{size / 1e6:.1f} MB"
