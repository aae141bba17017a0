"""kvx cost report --cron: one line when all is well, more when not; never two at once."""

import json
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kvx.commands.cost_basis import Costs, costs
from kvx.commands.cost_table import talk_of
from kvx.commands.flags import deployment_from
from kvx.cost.as_figures import as_figures
from kvx.cost.as_json import as_json
from kvx.cost.verdict import exit_code, findings, one_line
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.drivers.cost_telling import Listeners
    from kvx.settings import CostSettings
    from kvx.world import World


def from_cron(folder: Path | None, budget: float | None) -> None:
    """Look, write the figures, tell who wants to be told; exit codes as without --cron."""
    from kvx.drivers import cost_telling, costing
    from kvx.drivers.waiting import wait_until
    from kvx.world import real_world

    deployment, world = deployment_from(folder, "hetzner"), real_world()
    settings = deployment.settings.cost
    with cost_telling.alone(costing.ledger_of(deployment.folder)):
        pause = random.uniform(0, settings.jitter_seconds)  # noqa: S311  no secret
        wait_until(lambda: False, pause, world)
        began = time.monotonic()
        found = costs(folder, None, world, budget=budget)
        from kvx.commands.cost_report import keep

        keep(found)
        figures = figures_of(found, time.monotonic() - began)
        if settings.textfile is not None:
            cost_telling.write_report(settings.textfile, figures, mode=0o644)
        if settings.config_map is not None:
            _show_in_cluster(found, settings.config_map, figures, world)
        _tell(found, settings)
    code = exit_code(found.report)
    if code is not ExitCode.DONE:
        raise typer.Exit(int(code))


def _show_in_cluster(found: Costs, place: str, figures: str, world: "World") -> None:
    """The line and what is not well as they are now; of reports the last good one, without its lines."""
    from kvx.commands.cost_basis import api_of
    from kvx.drivers import cost_config_map

    api = api_of(found.deployment, world)
    if api is None:
        message = "cost.config_map is set, and no cluster is known"
        raise KvxError(message, "set kubernetes.kubeconfig in kvx.toml", ExitCode.MISSING)
    told = "\n\n".join((*found.wrong, *talk_of(found.report)))
    data = {"line": one_line(found.report), "not-well": told, "figures.prom": figures}
    if exit_code(found.report) is not ExitCode.INCOMPLETE:
        document = {**as_json(found.report), "lines": [], "shares": None}
        data["report.json"] = json.dumps(document, separators=(",", ":"))
    cost_config_map.write(api, place, data)


def figures_of(found: Costs, seconds: float) -> str:
    """The textfile; the success is the last look, which a stale report has behind it."""
    basis = found.basis
    return as_figures(found.report, _version(), basis.now, basis.looked_at, seconds)


def _tell(found: Costs, settings: "CostSettings") -> None:
    """The line always; findings where something is not well, and then to mail and webhook, once a day."""
    print(one_line(found.report))
    grave = [each for each in findings(found.report) if each.code is not ExitCode.DONE]
    for words in (*found.wrong, *talk_of(found.report)):
        print(words, file=sys.stderr)
    if grave:
        from kvx.drivers import cost_telling

        words = "\n\n".join((one_line(found.report), *talk_of(found.report)))
        document = {
            "line": one_line(found.report),
            "findings": [each.words for each in findings(found.report)],
        }
        message = cost_telling.Message(found.basis.now, words, document)
        for wrong in cost_telling.tell(message, found.folder, _listeners(settings)):
            print(wrong, file=sys.stderr)


def _listeners(settings: "CostSettings") -> "Listeners":
    """Whom to tell."""
    from kvx.drivers.cost_telling import Listeners

    return Listeners(settings.mail_to, settings.sendmail, settings.webhook, settings.webhook_secret)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("kvx")
    except PackageNotFoundError:
        return "unknown"
