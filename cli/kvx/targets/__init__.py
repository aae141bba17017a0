"""The targets of kvx: one file each, named as the user names it; a file holds `PHASES`."""

import difflib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.plan import Phase, Plan

PhaseFunction = Callable[[Deployment], Phase]


@cache
def target_names() -> tuple[str, ...]:
    """The targets there are, read from the folder: none is imported before it is chosen."""
    files = Path(__file__).parent.glob("[!_]*.py")
    return tuple(sorted(file.stem for file in files))


def plan_for(deployment: Deployment) -> Plan:
    """The plan of the deployment's target; raises a KvxError with exit code 2 for a target unknown."""
    if deployment.target not in target_names():
        near = difflib.get_close_matches(deployment.target, target_names(), 1) or ["local"]
        message = f"there is no target {deployment.target!r}, only {', '.join(target_names())}"
        raise KvxError(message, f"kvx deploy --target {near[0]}", ExitCode.USAGE)
    phases: tuple[PhaseFunction, ...] = import_module(f"kvx.targets.{deployment.target}").PHASES
    return Plan(deployment.target, tuple(phase(deployment) for phase in phases))
