"""What provision hands over about the nodes: hosts, groups and variables, read from Ansible's YAML."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

Role = Literal["server", "agent", "gateway"]

SERVERS, AGENTS = "k3s_server", "k3s_agent"
_POOL = "pool_"
# Words that a person may use for the two groups of k3s.
_ALIASES: Mapping[str, str] = {"servers": SERVERS, "agents": AGENTS}


class InventoryError(ValueError):
    """The text is no inventory as provision hands it over; the message says why."""


@dataclass(frozen=True, slots=True)
class Host:
    """One machine, called as its Kubernetes node is; `address` is where SSH finds it."""

    name: str
    role: Role
    address: str
    private_address: str | None = None
    jump_host: str | None = None
    pool: str = ""
    server_type: str = ""
    location: str = ""
    architecture: str = ""

    @property
    def place(self) -> str:
        """Type and location as kvx.toml writes them, empty where neither is known."""
        return "@".join(filter(None, (self.server_type, self.location)))


@dataclass(frozen=True, slots=True)
class Inventory:
    """All machines of a cluster, servers first, and who belongs to which group."""

    cluster: str
    user: str
    hosts: tuple[Host, ...]
    groups: Mapping[str, tuple[str, ...]]

    @property
    def servers(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.role == "server")

    @property
    def agents(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.role == "agent")

    @property
    def names(self) -> tuple[str, ...]:
        """What `chosen` takes: pools and groups as people call them, then the hosts."""
        pools = (name.removeprefix(_POOL).replace("_", "-") for name in self.groups if name.startswith(_POOL))
        return ("all", *_ALIASES, *dict.fromkeys(pools), *(host.name for host in self.hosts))

    def chosen(self, words: Sequence[str]) -> tuple[Host, ...]:
        """The hosts that are meant by names of hosts, pools and groups; all for none. KeyError: no such."""
        if not words:
            return self.hosts
        meant = {name for word in words for name in self._meant(word)}
        return tuple(host for host in self.hosts if host.name in meant)

    def nearest(self, word: str) -> tuple[str, ...]:
        """Names that a mistyped word may have meant, the likeliest first; all that there are for none."""
        return tuple(difflib.get_close_matches(word, self.names, 3)) or self.names

    def _meant(self, word: str) -> tuple[str, ...]:
        if word == "all":
            return tuple(host.name for host in self.hosts)
        if any(host.name == word for host in self.hosts):
            return (word,)
        for group in (_ALIASES.get(word, word), f"{_POOL}{word.replace('-', '_')}"):
            if group in self.groups:
                return self.groups[group]
        raise KeyError(word)


def parsed(text: str) -> Inventory:
    """The inventory that `text` holds; raises InventoryError for anything else."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InventoryError(f"it is not YAML: {_first_line(error)}") from None
    whole = _table(_table(document, "the file").get("all"), "all")
    variables = _table(whole.get("vars"), "all.vars")
    children = _table(whole.get("children"), "all.children")
    known = _hosts_of(children)
    groups = {str(name): tuple(dict.fromkeys(_members(str(name), children, ()))) for name in children}
    for group in (SERVERS, AGENTS):
        if group not in groups:
            raise InventoryError(f"it has no group {group}")
    hosts = [_host(name, values, groups) for name, values in known.items()]
    hosts.sort(key=lambda host: ("server", "agent", "gateway").index(host.role))
    return Inventory(
        _text(variables, "cluster_name", "all.vars"),
        str(variables.get("ansible_user", "root")),
        tuple(hosts),
        groups,
    )


def _hosts_of(children: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The variables of every host, in the order of the file; of one that stands twice together."""
    found: dict[str, Mapping[str, Any]] = {}
    for group, content in children.items():
        hosts = _table(_table(content, f"all.children.{group}").get("hosts"), f"the hosts of {group}")
        for name, values in hosts.items():
            own = _table(values, f"the host {name}")
            found[str(name)] = {**found.get(str(name), {}), **own}
    return found


def _members(group: str, children: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    """The hosts of a group and of the groups in it."""
    if group in above:
        raise InventoryError(f"the group {group} is in itself")
    if group not in children:
        raise InventoryError(f"the group {group} is named and not there")
    content = _table(children[group], f"all.children.{group}")
    yield from map(str, _table(content.get("hosts"), f"the hosts of {group}"))
    for inner in _table(content.get("children"), f"the groups in {group}"):
        yield from _members(str(inner), children, (*above, group))


def _host(name: str, values: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> Host:
    role: Role = "server" if name in groups[SERVERS] else "agent" if name in groups[AGENTS] else "gateway"
    return Host(
        name=name,
        role=role,
        address=_text(values, "ansible_host", f"the host {name}"),
        private_address=_perhaps(values, "private_ip"),
        jump_host=_perhaps(values, "jump_host"),
        pool=_perhaps(values, "pool") or "",
        server_type=_perhaps(values, "server_type") or "",
        location=_perhaps(values, "location") or "",
        architecture=_perhaps(values, "architecture") or "",
    )


def _table(value: Any, where: str) -> Mapping[Any, Any]:
    """An empty place in YAML is an empty table."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InventoryError(f"{where} is no table")
    return value


def _text(values: Mapping[str, Any], key: str, where: str) -> str:
    value = _perhaps(values, key)
    if not value:
        raise InventoryError(f"{where} has no {key}")
    return value


def _perhaps(values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    return None if value is None else str(value)


def _first_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark is not None else str(error).splitlines()[0]
