"""kvx usage: what cloud engines were used for, and how long what is left of them lasts."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvx.commands.flags import Folder, Json, Target, deployment_from
from kvx.commands.terminal import width_of_stdout
from kvx.commands.usage_lines import Reached, lines_of, reached
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.world import World

SCHEMA = "kvx/usage/v1"
DEADLINE_SECONDS = 10.0

MonthFlag = Annotated[
    str | None, typer.Option("--month", metavar="YYYY-MM", help="Sums of another month, in UTC.")
]


def usage(
    target: Target = None, folder: Folder = None, *, month: MonthFlag = None, as_json: Json = False
) -> None:
    """Show what cloud engines were used for, what is left, and how long it lasts.

    Budgets are of the month that begins on the subscription's day; the sums of engines and keys of a
    calendar month. Exit code 3: a month is used up, by its budget or by the engine's own word, and local
    answers until it begins anew.
    """
    deployment = deployment_from(folder, target)
    from kvx.world import real_world

    told = _told(deployment, month, real_world())
    gone = reached(told)
    if as_json:
        code = int(ExitCode.MISSING if gone else ExitCode.DONE)
        print(
            json.dumps({**told, "schema": SCHEMA, "target": deployment.target, "exit_code": code}, indent=2)
        )
    else:
        print("\n".join(lines_of(told, width_of_stdout())))
    if gone:
        raise _limit_reached(gone) if not as_json else typer.Exit(int(ExitCode.MISSING))


def _limit_reached(gone: Sequence[Reached]) -> KvxError:
    names = ", ".join(each.name for each in gone)
    message = f"limit reached: {names}; the local engine answers until {gone[0].until}"
    more = "raise it" if gone[0].raisable else "name another engine"
    return KvxError(message, f"{more} in the engines file (docs/engines.md), or wait", ExitCode.MISSING)


def _told(deployment: Deployment, month: str | None, world: "World") -> Mapping[str, Any]:
    from kvx.drivers import process, voice_api

    if deployment.target == "local":
        address = voice_api.address_of(process.serving_state(deployment.folder))
        return voice_api.usage(address, month, DEADLINE_SECONDS)
    from kvx.commands.cluster_target import of_deployment
    from kvx.drivers.cluster_usage import usage_in

    cluster = of_deployment(deployment, "kvx usage")
    return usage_in(cluster.api(world), cluster.namespace, month, DEADLINE_SECONDS)
