"""A project at Hetzner: what it offers, what stands in it, and the few things kvx itself changes there."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from kvx.cost.history import BILLED, Key
from kvx.cost.prices import Prices, parse_prices
from kvx.cost.sighting import Event, Seen
from kvx.drivers import hetzner_reading as reading
from kvx.drivers.hetzner_calls import Calls, RefusalError
from kvx.machines.catalogue import Catalogue, Live, Resource
from kvx.machines.fleet import CLUSTER_LABEL, Account
from kvx.world import World

# Each kind with its address and what is asked of the list; the order is that in which they are shown.
KINDS: Mapping[str, Mapping[str, str]] = {
    "server": {},
    "load_balancer": {},
    "volume": {},
    "primary_ip": {},
    "floating_ip": {},
    "image": {"type": "snapshot"},
    "network": {},
    "firewall": {},
    "placement_group": {},
    "ssh_key": {},
}

LONGEST_ACTION_SECONDS = 3600


class Hetzner:
    """One project; raises KvxErrors only. A price list is read once."""

    def __init__(self, account: Account, world: World) -> None:
        self._calls = Calls(account, world)
        self._world = world

    @property
    def address(self) -> str:
        return self._calls.address

    @property
    def budget_left(self) -> int | None:
        """Requests left in this hour, as of the last answer."""
        return self._calls.budget_left

    def may_write(self) -> bool:
        """Whether the token may do more than read, found out without writing.

        Hetzner refuses a key without a name: a writing token with invalid_input, a reading one with
        token_readonly ("only allowed to perform GET requests", https://docs.hetzner.cloud, errors). Raises
        a KvxError (exit code 3) when the token is not known at all.
        """
        try:
            self._calls.change("POST", "/ssh_keys", "check the token", {"name": "", "public_key": ""})
        except RefusalError as error:
            if error.refusal.code in {"token_readonly", "forbidden"}:
                return False
            if error.refusal.code not in {"invalid_input", "json_error"}:
                raise
        return True

    def catalogue(self) -> Catalogue:
        doing = "read what Hetzner offers"
        types = [
            reading.server_type(each) for each in self._calls.read_all("/server_types", "server_types", doing)
        ]
        places = self._calls.read_all("/locations", "locations", doing)
        images = self._calls.read_all("/images", "images", doing, type="system", status="available")
        return Catalogue(
            server_types={each.name: each for each in types},
            locations={str(each["name"]): str(each.get("network_zone", "")) for each in places},
            images=frozenset((str(each.get("name")), str(each.get("architecture"))) for each in images),
        )

    @cached_property
    def pricing(self) -> Mapping[str, Any]:
        """The price list as Hetzner gives it."""
        return self._calls.read("/pricing", "read Hetzner's prices")

    @cached_property
    def _prices(self) -> Prices:
        today = datetime.fromtimestamp(self._world.now(), UTC).date()
        return parse_prices(self.pricing, date=today.isoformat(), source="hetzner")

    def prices(self) -> Prices:
        return self._prices

    @property
    def clock(self) -> int | None:
        """What Hetzner's own clock said with the last answer, in seconds."""
        with suppress(ValueError):
            return int(parsedate_to_datetime(self._calls.date_header).timestamp())
        return None

    def billed(self) -> tuple[Seen, ...]:
        """Everything in the project that is billed; raises a KvxError where a list is not whole."""
        doing = "read what stands at Hetzner"
        return tuple(
            reading.seen(kind, each)
            for kind in BILLED
            for each in self._calls.read_whole(f"/{kind}s", f"{kind}s", doing, **KINDS[kind])
        )

    def events(self, since: int) -> Mapping[Key, tuple[Event, ...]]:
        """What was done to servers, balancers and volumes since then, the newest asked first."""
        found: dict[Key, tuple[Event, ...]] = {}
        for kind in ("server", "load_balancer", "volume"):
            doing = f"read what was done to {kind.replace('_', ' ')}s"
            for action in self._calls.read_all(f"/{kind}s/actions", "actions", doing, sort="started:desc"):
                events = tuple(reading.event(action))
                if events and all(event.at < since - LONGEST_ACTION_SECONDS for _, event in events):
                    break
                for key, event in events:
                    found[key] = (*found.get(key, ()), event)
        return found

    def live(self, cluster: str) -> Live:
        """Everything in the project; `cluster` says what of it is ours."""
        prices, doing = self.prices(), "read what stands at Hetzner"
        return Live(
            cluster,
            tuple(
                reading.resource(kind, each, prices)
                for kind, params in KINDS.items()
                for each in self._calls.read_all(f"/{kind}s", f"{kind}s", doing, **params)
            ),
        )

    def power_on(self, server: Resource) -> None:
        self._power(server, "poweron")

    def power_off(self, server: Resource) -> None:
        """As if the plug were pulled: what runs on it ends at once."""
        self._power(server, "poweroff")

    def lift_protection(self, resource: Resource) -> None:
        """So that it can be deleted; a server can only be protected against deletion and rebuild alike."""
        wish = {"delete": False} | ({"rebuild": False} if resource.kind == "server" else {})
        path = f"{_path(resource)}/actions/change_protection"
        self._calls.change("POST", path, f"lift the protection of {words(resource)}", wish)

    def claim(self, resource: Resource, cluster: str) -> None:
        """Label it as the cluster's, so that a run that comes after an interrupted one knows it."""
        labels = {**resource.labels, CLUSTER_LABEL: cluster}
        self._calls.change("PUT", _path(resource), f"label {words(resource)}", {"labels": labels})

    def delete(self, resource: Resource) -> None:
        """Let go of what holds it, then delete it; what is gone already is as it should be."""
        try:
            self._let_go(resource)
            self._calls.change("DELETE", _path(resource), f"delete {words(resource)}")
        except RefusalError as error:
            if error.refusal.code != "not_found":
                raise

    def _let_go(self, resource: Resource) -> None:
        """A volume is detached, a firewall applied to nothing, before they can go."""
        doing, path = f"let go of {words(resource)}", f"{_path(resource)}/actions"
        if resource.kind == "volume" and resource.attached_to:
            self._calls.change("POST", f"{path}/detach", doing)
        if resource.kind == "firewall" and (resource.attached_to or resource.selectors):
            servers = [{"type": "server", "server": {"id": each}} for _, each in resource.attached_to]
            selectors = [
                {"type": "label_selector", "label_selector": {"selector": each}}
                for each in resource.selectors
            ]
            # A server that a selector found cannot be taken out by itself.
            body = {"remove_from": selectors or servers}
            self._calls.change("POST", f"{path}/remove_from_resources", doing, body)

    def _power(self, server: Resource, verb: str) -> None:
        doing = f"{verb.replace('power', 'power ')} {words(server)}"
        self._calls.change("POST", f"{_path(server)}/actions/{verb}", doing)


def words(resource: Resource) -> str:
    """What it is and what it is called, such as `load balancer kvx`."""
    return f"{resource.kind.replace('_', ' ')} {resource.name or resource.id}"


def _path(resource: Resource) -> str:
    return f"/{resource.kind}s/{resource.id}"
