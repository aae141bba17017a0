"""Which machines stand for a rehearsal, and under which number and public network; one line of each."""

import fcntl
import ipaddress
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from systemd_hosts.fleet import STATE
from systemd_hosts.programs import replace_file, run
from systemd_hosts.template import HostsError

# Fleets by hand and of tests lie below.
FLEETS = range(70, 90)
# Private ones: addresses set aside for documentation are real ones behind the proxies of some networks.
PUBLIC_NETWORKS = tuple(f"10.95.{number}.0/24" for number in FLEETS)
LOCK = Path("/run/lock/kvx-rented-hosts")


@dataclass(frozen=True, slots=True)
class Tenancy:
    """What a rehearsal has here."""

    fleet: int
    owner: str
    public_network: str

    @property
    def folder(self) -> Path:
        return STATE / f"fleet{self.fleet}"

    @property
    def gateway(self) -> str:
        """This machine, as its hosts see it: the last address, which the simulation gives away last."""
        return str(ipaddress.IPv4Network(self.public_network)[-2])

    @property
    def machines(self) -> list[int]:
        """Also such as were made only half."""
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdigit())


@contextmanager
def alone() -> Iterator[None]:
    """One at a time: what they share are bridges, numbers and networks."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def tenancies() -> list[Tenancy]:
    found = []
    for number in FLEETS:
        with suppress(FileNotFoundError):  # also one that goes while we look
            path = STATE / f"fleet{number}" / "tenancy.json"
            found.append(Tenancy(**json.loads(path.read_text())))
    return found


def tenancy_of(owner: Path) -> Tenancy | None:
    return next((each for each in tenancies() if each.owner == str(owner)), None)


def abandoned() -> list[Tenancy]:
    """Those whose rehearsal's folder is gone: nobody else would ever take them away."""
    return [each for each in tenancies() if not Path(each.owner).is_dir()]


def planned(owner: Path) -> Tenancy:
    """The tenancy there is, or the one there would be."""
    known = tenancies()
    mine = next((each for each in known if each.owner == str(owner)), None)
    if mine is not None:
        return mine
    number = next((n for n in FLEETS if not (STATE / f"fleet{n}").exists()), None)
    taken = [*_networks_of_this_machine(), *(ipaddress.ip_network(each.public_network) for each in known)]
    free = (text for text in PUBLIC_NETWORKS if not any(_overlap(text, other) for other in taken))
    network = next(free, None)
    if number is None or network is None:
        raise HostsError("there are as many rehearsals with hosts as fit; end one with kvx rehearse cleanup")
    return Tenancy(number, str(owner), network)


def write_down(tenancy: Tenancy) -> None:
    tenancy.folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({name: getattr(tenancy, name) for name in ("fleet", "owner", "public_network")})
    replace_file(tenancy.folder / "tenancy.json", text)


def _networks_of_this_machine() -> list[ipaddress.IPv4Network]:
    """All that it has a route to, but for the one to everywhere."""
    routes = json.loads(run("ip", "-4", "-j", "route", "show", "table", "all") or "[]")
    named = [route["dst"] for route in routes if route.get("dst") not in (None, "default")]
    return [ipaddress.IPv4Network(text, strict=False) for text in named]


def _overlap(text: str, other: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return isinstance(other, ipaddress.IPv4Network) and ipaddress.IPv4Network(text).overlaps(other)
