"""The flags that several commands share, and the settings they lead to."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.deployment import Deployment
from kvx.settings.load import Loaded, load
from kvx.targets import target_names

if TYPE_CHECKING:
    TargetName = str
else:
    TargetName = StrEnum("TargetName", {name: name for name in target_names()})

Folder = Annotated[
    Path | None, typer.Option("--folder", help="Where kvx.toml and .kvx/ live.", show_default="this folder")
]
Target = Annotated[
    TargetName | None, typer.Option("--target", "-t", help="What is deployed to.", show_default="local")
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]
WaitForLock = Annotated[
    float,
    typer.Option(
        "--wait-for-lock", metavar="SECONDS", min=0, help="Wait for another kvx to end, here or elsewhere."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan, do nothing.")]
Check = Annotated[
    bool, typer.Option("--check", help="Print the plan with what it would change on the machines.")
]
MaxMonthly = Annotated[
    float | None, typer.Option(metavar="EUR", min=0, help="Most that the machines may cost a month, net.")
]
MaxIncrease = Annotated[
    float | None,
    typer.Option(metavar="EUR", min=0, help="Most that it may add to the price of a month, net."),
]
WaitForCapacity = Annotated[
    str | None, typer.Option(metavar="TIME", help="Wait for machines in stock, such as 30m.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")]


def deployment_of(loaded: Loaded, wait_for_lock: float = 0) -> Deployment:
    """The deployment that the settings mean; who waits for another kvx here, waits for one elsewhere, too."""
    settings = loaded.settings
    seconds = max(wait_for_lock, settings.kubernetes.lease_wait_seconds)
    kubernetes = replace(settings.kubernetes, lease_wait_seconds=seconds)
    return Deployment(settings.target, replace(settings, kubernetes=kubernetes))


def deployment_from(folder: Path | None, target: str | None = None, wait_for_lock: float = 0) -> Deployment:
    """The deployment of a command that has no flags but these."""
    return deployment_of(load({"folder": folder, "target": target}), wait_for_lock)
