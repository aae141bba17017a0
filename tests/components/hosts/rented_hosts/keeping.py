"""Makes machines what they are wanted to be, and takes them away; whatever was begun is gone on with."""

import ipaddress
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from rented_hosts import cables, cloud_init, register
from rented_hosts.machine import Machine
from rented_hosts.register import Tenancy
from systemd_hosts import containers_disk, disk, lifecycle, machine_settings, power
from systemd_hosts.programs import replace_file
from systemd_hosts.template import HostsError

IMAGE = "debian-12"


def put(machine: Machine, tenancy: Tenancy) -> None:
    """The machine stands as it is wanted, with its addresses, on or off; it still boots when this returns."""
    _refuse_what_cannot_be(machine, tenancy)
    if _recorded(machine).get("made_anew", machine.made_anew) != machine.made_anew:
        delete(machine.fleet, machine.number)
    with register.alone():
        machine_settings.remember(tenancy.folder)
        register.write_down(tenancy)
        cables.lay_public(tenancy)
        for attachment in machine.attachments:
            cables.lay_private(machine.fleet, attachment)
        cables.plug_in(machine, tenancy)
    disk.mount(machine, *cloud_init.built_layers(machine.architecture))
    containers_disk.lay(machine.folder)
    if not _recorded(machine):
        disk.prepare(machine.root)
        cloud_init.seed(machine)
    _switch(machine)


def delete(fleet: int, number: int) -> None:
    """Its plug is pulled; nothing of it stays."""
    machine = _place(fleet, number)
    power.kill(machine)
    cables.unplug(fleet, number)
    lifecycle.take_away(machine)


def rest(tenancy: Tenancy) -> None:
    """All are shut down, and keep their disks."""
    _each(tenancy, power.stop)


def clear(tenancy: Tenancy) -> None:
    """Nothing of the rehearsal is left on this machine."""
    _each(tenancy, lambda machine: delete(machine.fleet, machine.number))
    with register.alone():
        cables.clear(tenancy.fleet)
        shutil.rmtree(tenancy.folder, ignore_errors=True)
        machine_settings.put_back()


def standing(tenancy: Tenancy) -> Iterator[dict[str, object]]:
    for number in tenancy.machines:
        machine = _place(tenancy.fleet, number)
        yield {"id": number, "on": power.is_on(machine), "folder": str(machine.folder)}


def _switch(machine: Machine) -> None:
    before = _recorded(machine).get("restarts", machine.restarts)
    if not machine.is_on or before != machine.restarts:
        power.stop(machine)
    if machine.is_on:
        power.start(machine)
    shown = {name: value for name, value in asdict(machine).items() if name != "user_data"}
    replace_file(machine.folder / "machine.json", json.dumps(shown, indent=2))


def _recorded(machine: Machine) -> dict[str, int]:
    """As it was put the last time; empty where it never was."""
    path = machine.folder / "machine.json"
    known: dict[str, int] = json.loads(path.read_text()) if path.is_file() else {}
    return known


def _place(fleet: int, number: int) -> Machine:
    """A machine of which only its place matters."""
    return Machine(fleet, number, str(number), "", "", False, 0, 0, None, ())


def _each(tenancy: Tenancy, act: Callable[[Machine], None]) -> None:
    machines = [_place(tenancy.fleet, number) for number in tenancy.machines]
    if machines:
        with ThreadPoolExecutor(len(machines)) as pool:
            list(pool.map(act, machines))


def _refuse_what_cannot_be(machine: Machine, tenancy: Tenancy) -> None:
    lifecycle.refuse_what_cannot_run(machine.architecture)
    if machine.image != IMAGE:
        raise HostsError(f"{machine.name} wants {machine.image}, and hosts are {IMAGE} only")
    if len(machine.attachments) > len(cables.PRIVATE_INTERFACES):
        raise HostsError(f"{machine.name} is in more than {len(cables.PRIVATE_INTERFACES)} networks")
    public = ipaddress.IPv4Network(tenancy.public_network)
    if machine.public_ip and ipaddress.IPv4Address(machine.public_ip) not in public:
        raise HostsError(f"{machine.name}'s public address {machine.public_ip} is not in {public}")
    for attachment in machine.attachments:
        inside = ipaddress.IPv4Network(attachment.network_range)
        for resolver in _resolvers():
            if resolver in inside:
                message = f"{machine.name}'s network {inside} holds this machine's resolver {resolver}"
                raise HostsError(f"{message}: it would not find any name; choose another range")


def _resolvers() -> list[ipaddress.IPv4Address]:
    found = []
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        word, _, address = line.partition(" ")
        if word == "nameserver" and ":" not in address:
            found.append(ipaddress.IPv4Address(address.strip()))
    return found
