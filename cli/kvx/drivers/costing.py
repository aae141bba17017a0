"""Looks at what is billed now and writes it down; without an answer, what was known before stands."""

from dataclasses import dataclass
from pathlib import Path

from kvx.cost.history import History
from kvx.cost.prices import Prices, snapshot
from kvx.cost.times import Month, text_of
from kvx.drivers import account_record, cost_ledger
from kvx.drivers.hetzner import Hetzner
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account
from kvx.world import World

_CLOCKS_MAY_DIFFER_SECONDS = 420  # five minutes, and two in which all was read


@dataclass(frozen=True, slots=True)
class Known:
    """What is billed, as of `looked_at`; `stale` says why that is not now. None: there was no look yet."""

    histories: tuple[History, ...]
    prices: Prices
    looked_at: int | None
    now: int
    stale: KvxError | None = None

    @property
    def until(self) -> int:
        """A bill is told up to here; what came after the last look is not known."""
        return self.now if self.stale is None or self.looked_at is None else self.looked_at


def ledger_of(folder: Path) -> Path:
    """Where the ledger of a deployment's folder lies: beside it, for a cleanup takes away the folder."""
    return folder.parent / "cost"


def known(account: Account, folder: Path, month: Month, world: World) -> Known:
    """Look at Hetzner, and at the ledger of the deployment in `folder`.

    Raises where nothing is known yet, where the ledger is another account's, and where asked to stop.
    """
    account_record.check(ledger_of(folder), account)
    now, since = int(world.now()), month.previous.begin
    try:
        return _looked(account, folder, now, since, world)
    except KvxError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        return remembered(folder, now, since, error)


def remembered(folder: Path, now: int, since: int, why: KvxError) -> Known:
    """The last good look; raises `why` where there never was one."""
    ledger = cost_ledger.read(ledger_of(folder), since)
    if ledger.looked_at is None or why.exit_code is ExitCode.MISSING:
        raise why
    message = f"{why.message}; this is as of {text_of(ledger.looked_at)}"
    stale = KvxError(message, why.fix, ExitCode.INCOMPLETE)
    return Known(ledger.histories, ledger.prices or snapshot(), ledger.looked_at, now, stale)


def _looked(account: Account, folder: Path, now: int, since: int, world: World) -> Known:
    hetzner = Hetzner(account, world)
    before = cost_ledger.read(ledger_of(folder), since).looked_at
    seen = hetzner.billed()
    events = {} if before is None else hetzner.events(before)
    look = cost_ledger.Look(seen, events, hetzner.pricing, now)
    _check_clock(hetzner.clock, now)
    ledger = cost_ledger.record(ledger_of(folder), look, since)
    account_record.remember(ledger_of(folder), account)
    return Known(ledger.histories, ledger.prices or hetzner.prices(), ledger.looked_at, now)


def _check_clock(hetzners: int | None, now: int) -> None:
    """Hours are counted by this clock, so that one that is wrong must write nothing."""
    if hetzners is not None and abs(hetzners - now) > _CLOCKS_MAY_DIFFER_SECONDS:
        message = f"this machine's clock says {text_of(now)} and Hetzner's {text_of(hetzners)}"
        raise KvxError(f"{message}: nothing was written", "timedatectl set-ntp true", ExitCode.INCOMPLETE)
