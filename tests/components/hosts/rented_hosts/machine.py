"""A machine as the simulated Hetzner wants it, and as a host on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from systemd_hosts.fleet import STATE

# What Hetzner calls each architecture.
ARCHITECTURES = {"x86": "amd64", "arm": "arm64"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """An address in a private network; `router` is the network's first address, which all traffic passes."""

    network: int
    address: str
    aliases: tuple[str, ...]
    network_range: str
    router: str
    routes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """One server; `fleet` is the number under which the machines of one rehearsal lie beside test fleets."""

    fleet: int
    number: int
    name: str
    architecture: str
    image: str
    is_on: bool
    restarts: int
    made_anew: int
    public_ip: str | None
    attachments: tuple[Attachment, ...]
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""

    @property
    def namespace(self) -> str:
        return f"kvx-host{self.fleet}-{self.number}"

    @property
    def folder(self) -> Path:
        return STATE / f"fleet{self.fleet}" / str(self.number)

    @property
    def root(self) -> Path:
        return self.folder / "root"


def machine_of(wish: Mapping[str, Any], fleet: int) -> Machine:
    """From what the simulation sends; KeyError, ValueError or TypeError where it is something else."""
    return Machine(
        fleet=fleet,
        number=int(wish["id"]),
        name=str(wish["name"]),
        architecture=ARCHITECTURES[wish["architecture"]],
        image=str(wish["image"]),
        is_on=bool(wish["on"]),
        restarts=int(wish["restarts"]),
        made_anew=int(wish["made_anew"]),
        public_ip=wish["public_ip"],
        attachments=tuple(_attachment(each) for each in wish["networks"]),
        ssh_keys=tuple(wish["ssh_keys"]),
        user_data=str(wish["user_data"]),
    )


def _attachment(wish: Mapping[str, Any]) -> Attachment:
    return Attachment(
        network=int(wish["id"]),
        address=str(wish["ip"]),
        aliases=tuple(wish["alias_ips"]),
        network_range=str(wish["ip_range"]),
        router=str(wish["router"]),
        routes=tuple((each["destination"], each["gateway"]) for each in wish["routes"]),
    )
