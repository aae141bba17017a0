"""A simulated Hetzner over HTTP whose clock the test moves, and a month of random events on it."""

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn

from kvx.machines.fleet import Account
from kvx.secret import Secret
from kvx.world import World, real_world
from kvx_rehearsal.answering import Answering, Request
from kvx_rehearsal.catalogue import snapshot
from kvx_rehearsal.serve import CuttableProtocol, application
from kvx_rehearsal.store import Document, Store

TOKEN = "t" * 64
TYPES = ("cax11", "cax21", "cax31")


@dataclass(slots=True)
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


class Quiet(uvicorn.Server):
    """Runs beside the test, which has the signals."""

    def install_signal_handlers(self) -> None:
        pass


@dataclass(slots=True)
class Project:
    """The project of an account; `send` is what a user does, without HTTP."""

    answering: Answering
    clock: Clock
    address: str
    made: int = 0
    pricing: list[Document] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return Account(Secret(TOKEN), self.address)

    @property
    def world(self) -> World:
        return replace(real_world(), now=self.clock)

    def send(self, method: str, path: str, **body: object) -> dict[str, Any]:
        content = json.dumps(body).encode() if body else b""
        sent = self.answering.answer(Request(method, path, [], f"Bearer {TOKEN}", content))
        assert sent.status < 300, (method, path, sent.body)
        return sent.body or {}

    def all(self, kind: str) -> list[Document]:
        return self.answering.store.all(kind)

    def name(self) -> str:
        self.made += 1
        return f"r{self.made}"

    def dearer(self) -> None:
        """From now on every price of the list is a tenth higher."""

        def raised(value: Any) -> Any:
            if isinstance(value, dict) and set(value) == {"net", "gross"}:
                return {side: f"{float(amount) * 1.1:.4f}" for side, amount in value.items()}
            if isinstance(value, dict):
                return {name: raised(each) for name, each in value.items()}
            return [raised(each) for each in value] if isinstance(value, list) else value

        old = self.answering.snapshot
        self.answering.snapshot = {**old, "pricing": raised(old["pricing"])}


@contextmanager
def project(
    folder: Path, begin: int, *, tells_time: bool = False, place: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[Project]:
    """It serves until the block ends; `tells_time`: with the real time in its answers, as Hetzner does."""
    store, clock = Store(folder / "hetzner.sqlite"), Clock(float(begin))
    answering = Answering(store, snapshot(), 1.0, clock)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else 40 ms an answer
    listener.bind(place)
    app = application(answering, None, None)
    config = uvicorn.Config(
        app, http=CuttableProtocol, log_level="error", access_log=False, date_header=tells_time, ws="none"
    )
    server = Quiet(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    try:
        yield Project(answering, clock, f"http://{place[0]}:{listener.getsockname()[1]}/v1")
    finally:
        server.should_exit = True
        thread.join(60)
        store.close()


Event = Callable[[Project, random.Random], bool]


def _server(on: Project, chance: random.Random) -> bool:
    if len(on.all("server")) >= 12:
        return False
    body = {"server_type": chance.choice(TYPES), "image": "debian-12", "location": "nbg1"}
    on.send("POST", "/servers", name=on.name(), **body)
    return True


def _delete_server(on: Project, chance: random.Random) -> bool:
    return _each(on, chance, "server", lambda one: on.send("DELETE", f"/servers/{one['id']}"))


def _power_off(on: Project, chance: random.Random) -> bool:
    return _each(on, chance, "server", lambda one: on.send("POST", f"/servers/{one['id']}/actions/poweroff"))


def _rescale(on: Project, chance: random.Random) -> bool:
    """Off first; another type of those whose disk is not smaller."""

    def rescale(one: Document) -> None:
        on.send("POST", f"/servers/{one['id']}/actions/poweroff")
        on.clock.now += 30
        now = on.answering.store.one("server", one["id"]) or one  # a rescale before has ended by this
        other = chance.choice([each for each in TYPES if each != now["type"]])
        path = f"/servers/{one['id']}/actions/change_type"
        on.send("POST", path, server_type=other, upgrade_disk=False)

    small = [each for each in on.all("server") if each["primary_disk_size"] == 40]
    if not small:
        return False
    rescale(chance.choice(small))
    return True


def _backups(on: Project, chance: random.Random) -> bool:
    def toggle(one: Document) -> None:
        verb = "disable_backup" if one["backup_window"] else "enable_backup"
        on.send("POST", f"/servers/{one['id']}/actions/{verb}")

    return _each(on, chance, "server", toggle)


def _volume(on: Project, chance: random.Random) -> bool:
    on.send("POST", "/volumes", name=on.name(), size=chance.randint(10, 400), location="nbg1")
    return True


def _grow(on: Project, chance: random.Random) -> bool:
    def grow(one: Document) -> None:
        path = f"/volumes/{one['id']}/actions/resize"
        on.send("POST", path, size=one["size"] + chance.randint(1, 100))

    return _each(on, chance, "volume", grow)


def _delete_volume(on: Project, chance: random.Random) -> bool:
    return _each(on, chance, "volume", lambda one: on.send("DELETE", f"/volumes/{one['id']}"))


def _address(on: Project, chance: random.Random) -> bool:
    kind = chance.choice(["ipv4", "ipv6"])
    on.send("POST", "/primary_ips", name=on.name(), type=kind, location="nbg1")
    return True


def _delete_address(on: Project, chance: random.Random) -> bool:
    held = {each[kind] for each in on.all("server") for kind in ("ipv4", "ipv6")}
    free = [each for each in on.all("primary_ip") if each["id"] not in held]
    if not free:
        return False
    on.send("DELETE", f"/primary_ips/{chance.choice(free)['id']}")
    return True


def _balancer(on: Project, chance: random.Random) -> bool:
    kind = chance.choice(["lb11", "lb21"])
    body = {"load_balancer_type": kind, "location": "nbg1", "algorithm": {"type": "round_robin"}}
    on.send("POST", "/load_balancers", name=on.name(), **body)
    return True


def _delete_balancer(on: Project, chance: random.Random) -> bool:
    return _each(on, chance, "load_balancer", lambda one: on.send("DELETE", f"/load_balancers/{one['id']}"))


def _each(on: Project, chance: random.Random, kind: str, act: Callable[[Document], object]) -> bool:
    found = on.all(kind)
    if not found:
        return False
    act(chance.choice(found))
    return True


EVENTS: tuple[Event, ...] = (
    *(_server, _server, _delete_server, _power_off, _rescale, _rescale, _backups, _backups),
    *(_volume, _grow, _delete_volume, _address, _delete_address, _balancer, _delete_balancer),
)


def happen(on: Project, chance: random.Random) -> str:
    """Something, at once; its name."""
    while True:
        event = chance.choice(EVENTS)
        if event(on, chance):
            return event.__name__.removeprefix("_")
