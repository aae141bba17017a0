"""Where kvx cost learns what cloud engines were used for: a file, an address, or a pod of the voice API."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kvx.cost.report import Basis
from kvx.cost.times import Month
from kvx.cost.usage import Usage
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.drivers.api_server import Api
    from kvx.settings import CostSettings

Engines = Callable[[Month], Usage]


def engine_use(settings: "CostSettings", api: "Api | None", pods: Sequence[str]) -> Engines | None:
    """What to ask; None where there is nobody to ask."""
    from kvx.drivers import cost_engines

    file, address, key = settings.usage_file, settings.voice_url, settings.voice_key
    if file is not None:
        return lambda _: cost_engines.read_file(file)
    if address is not None:
        return lambda month: cost_engines.ask(address, month, key)
    if api is not None and pods:
        return lambda month: cost_engines.ask_pod(api, pods[0], month, key)
    return None


def with_engines(basis: Basis, engines: Engines | None, ledger: Path) -> tuple[Basis, tuple[str, ...]]:
    """The basis with all that the ledger knows of engines then, and what was not told, in words."""
    from kvx.drivers import cost_engines

    wrong: tuple[str, ...] = ()
    if engines is not None and not basis.stale:
        try:
            cost_engines.keep(ledger, engines(basis.month))
        except KvxError as error:
            if error.exit_code is ExitCode.INTERRUPTED:
                raise
            wrong = (f"{error.message}\nfix: {error.fix}",)
    used, allowances = cost_engines.kept(ledger, basis.month)
    return replace(basis, used=used, allowances=allowances), wrong
