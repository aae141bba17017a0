"""What is billed and used by nobody, with the command that ends it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.history import History

_OLD_SNAPSHOT_SECONDS = 90 * 24 * 3600
_COMMANDS = {
    "server": "server delete",
    "load_balancer": "load-balancer delete",
    "volume": "volume delete",
    "primary_ip": "primary-ip delete",
    "floating_ip": "floating-ip delete",
    "image": "image delete",
}
_REASONS = {
    "server": "is switched off, and billed as if it ran",
    "load_balancer": "has no targets",
    "volume": "hangs on no server",
    "primary_ip": "is assigned to no server",
    "floating_ip": "is assigned to no server",
}


@dataclass(frozen=True, slots=True)
class Orphan:
    """One of them; `since` is the look that first found it so. `monthly` is None where no price is known."""

    history: History
    reason: str
    since: int
    monthly: Decimal | None

    @property
    def command(self) -> str:
        """Of Hetzner's own command line: it is not kvx's to delete what may be somebody's."""
        if self.history.cluster and self.reason.startswith("is left"):
            return f"kvx cleanup --target hetzner --yes-destroy {self.history.cluster}"
        return f"hcloud {_COMMANDS[self.history.kind]} {self.history.id}"


def orphans(histories: Iterable[History], now: int) -> tuple[Orphan, ...]:
    """The dearest first; what is free is left out."""
    alive = [each for each in histories if each.end is None]
    with_servers = {each.cluster for each in alive if each.kind == "server"}
    found = (orphan for each in alive for orphan in _why(each, with_servers, now))
    billed = [each for each in found if each.monthly != 0]
    return tuple(sorted(billed, key=lambda each: (-(each.monthly or Decimal(0)), each.history.key)))


def _why(history: History, with_servers: set[str], now: int) -> Iterator[Orphan]:
    if history.cluster and history.cluster not in with_servers:
        reason = f"is left of the cluster {history.cluster}, which has no server any more"
        yield Orphan(history, reason, history.unused_since or history.last_seen, history.monthly)
    elif history.unused_since is not None:
        yield Orphan(history, _REASONS[history.kind], history.unused_since, history.monthly)
    elif history.kind == "image" and now - history.begin > _OLD_SNAPSHOT_SECONDS:
        reason = f"is a snapshot of {(now - history.begin) // 86_400} days ago"
        yield Orphan(history, reason, history.begin, history.monthly)
