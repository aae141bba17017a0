"""One kvx at a time applies to a cluster: a Lease that names its holder and expires when not renewed."""

import datetime
import getpass
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from kvx.cluster.refusals import ApiError
from kvx.drivers.api_server import Api, Object
from kvx.errors import ExitCode, KvxError
from kvx.world import World

NAME = "kvx"
LIFE_SECONDS = 60
RENEW_SECONDS = 15.0
SKEW_SECONDS = 10.0
POLL_SECONDS = 1.0
START_TOLERANCE_SECONDS = 2.0
HOST, PROCESS, STARTED, TOKEN = "kvx/host", "kvx/process", "kvx/process-started", "kvx/token"
TAKEN = 409


@dataclass(slots=True)
class Held:
    """The Lease while this process holds it."""

    api: Api
    namespace: str
    token: str
    world: World
    renewed: float
    """By the wall clock: the one that the renewing thread waits by stands still while a laptop sleeps."""
    lost: KvxError | None = None
    """Why it may be another's by now."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Before every write: raises a KvxError where somebody else has it now, or may have it."""
        if self.lost is None and self.world.now() - self.renewed > LIFE_SECONDS:
            self.renew()
        if self.lost is not None:
            raise self.lost

    def renew(self) -> None:
        """Or find that it is lost; an ApiError where neither can be told."""
        with self.turn:
            lease = _find(self.api, self.namespace)
            if lease is None or _token(lease) != self.token:
                message = "the lease in the cluster expired meanwhile, and another kvx took it over"
                fix = "let the other one end, then run the command again"
                self.lost = KvxError(message, fix, ExitCode.MISSING)
                return
            now = self.world.now()
            wanted = {**lease, "spec": {**lease["spec"], "renewTime": _time(now)}}
            self.api.replace(path_of(self.namespace), wanted, deadline_seconds=RENEW_SECONDS / 2)
            self.renewed = now


@contextmanager
def held_lease(
    api: Api, namespace: str, wait_seconds: float, world: World, *, renew_seconds: float = RENEW_SECONDS
) -> Iterator[Held]:
    """Hold the Lease inside; KvxError with exit code 3 where another kvx holds it, and does not let go."""
    lease, token = _acquired(api, namespace, wait_seconds, world)
    held = Held(api, namespace, token, world, _seconds(lease["spec"]["renewTime"]))
    released = threading.Event()
    renewing = threading.Thread(
        target=_keep_renewing, args=(held, released, renew_seconds), name="kvx lease", daemon=True
    )
    renewing.start()
    try:
        yield held
    finally:
        released.set()
        renewing.join()
        with suppress(ApiError):  # it expires by itself; what was done inside counts
            _release(api, namespace, token)


def path_of(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"


def _acquired(api: Api, namespace: str, wait_seconds: float, world: World) -> tuple[dict[str, Any], str]:
    end = world.monotonic() + wait_seconds
    token, told = secrets.token_hex(8), False
    while True:
        lease = _find(api, namespace)
        other = None if lease is None else _owner(lease, world.now())
        if other is None:
            with _nobody_else():
                return _taken(api, namespace, lease, token, world), token
        elif world.monotonic() >= end:
            raise _held_by(lease or {}, other, world.now())
        elif not told:
            world.progress(f"waiting for {other}, which applies to this cluster")
            told = True
        _rest(world)


@contextmanager
def _nobody_else() -> Iterator[None]:
    """Who writes second hears 409: the loop looks again, and finds the other's name."""
    try:
        yield
    except ApiError as error:
        if error.status != TAKEN:
            raise


def _taken(api: Api, namespace: str, lease: Object | None, token: str, world: World) -> dict[str, Any]:
    wanted = _wanted(namespace, token, world.now())
    path = path_of(namespace)
    if lease is None:
        return api.create(path.rpartition("/")[0], wanted)
    if lease["spec"].get("holderIdentity"):
        world.progress(
            f"took over the lease of {lease['spec']['holderIdentity']}, which has ended or expired"
        )
    metadata = {**wanted["metadata"], "resourceVersion": lease["metadata"]["resourceVersion"]}
    return api.replace(path, {**wanted, "metadata": metadata})


def _wanted(namespace: str, token: str, now: float) -> dict[str, Any]:
    annotations = {HOST: socket.gethostname(), PROCESS: str(os.getpid()), TOKEN: token}
    annotations[STARTED] = str(_started(os.getpid()) or now)
    labels = {"app.kubernetes.io/part-of": "kvx", "app.kubernetes.io/managed-by": "kvx"}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME, "namespace": namespace, "annotations": annotations, "labels": labels},
        "spec": {
            "holderIdentity": f"{_user()}@{socket.gethostname()}, process {os.getpid()}",
            "leaseDurationSeconds": LIFE_SECONDS,
            "acquireTime": _time(now),
            "renewTime": _time(now),
        },
    }


def _owner(lease: Object, now: float) -> str | None:
    """Who holds it; None where it was let go, has expired, or its process on this machine has ended."""
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity")
    if not holder or _expires(spec) + SKEW_SECONDS < now or not _may_live(lease):
        return None
    return str(holder)


def _expires(spec: Object) -> float:
    return _seconds(spec.get("renewTime")) + float(spec.get("leaseDurationSeconds") or 0)


def _may_live(lease: Object) -> bool:
    annotations = lease["metadata"].get("annotations") or {}
    if annotations.get(HOST) != socket.gethostname():
        return True
    with suppress(KeyError, ValueError):
        started = _started(int(annotations[PROCESS]))
        return started is not None and abs(started - float(annotations[STARTED])) <= START_TOLERANCE_SECONDS
    return True


def _held_by(lease: Object, holder: str, now: float) -> KvxError:
    spec = lease["spec"]
    renewed = max(0, round(now - _seconds(spec.get("renewTime"))))
    since, expires = _local(_seconds(spec.get("acquireTime"))), _local(_expires(spec) + SKEW_SECONDS)
    message = f"another kvx applies to this cluster: {holder}, since {since} (it was heard {renewed} s ago)"
    fix = f"wait for it (--wait-for-lock 600); not renewed, its lease expires at {expires}"
    return KvxError(message, fix, ExitCode.MISSING)


def _keep_renewing(held: Held, released: threading.Event, every_seconds: float) -> None:
    """Until it is released or lost; a server that does not answer now may do so the next time."""
    try:
        while held.lost is None and not released.wait(every_seconds):
            with suppress(ApiError):
                held.renew()
    except KvxError as error:
        held.lost = error
    finally:  # nobody renews it from here on, whatever the reason
        message = "the lease in the cluster is no longer renewed"
        held.lost = held.lost or KvxError(message, "run the command again")


def _release(api: Api, namespace: str, token: str) -> None:
    now = _find(api, namespace)
    if now is not None and _token(now) == token:
        spec = {**now["spec"], "holderIdentity": ""}
        api.replace(path_of(namespace), {**now, "spec": spec})


def _find(api: Api, namespace: str) -> dict[str, Any] | None:
    try:
        return api.get(path_of(namespace), deadline_seconds=RENEW_SECONDS / 2)
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _token(lease: Object) -> str | None:
    return (lease["metadata"].get("annotations") or {}).get(TOKEN)


def _rest(world: World) -> None:
    if world.stop_requested():
        raise KvxError("stopped on request", "the same command goes on from here", ExitCode.INTERRUPTED)
    world.sleep(POLL_SECONDS)


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _seconds(text: object) -> float:
    try:
        return datetime.datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def _local(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _started(pid: int) -> float | None:
    """When a process began, None where there is none (a zombie is none)."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return str(os.getuid())
