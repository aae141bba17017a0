"""Hands over what the next phases need, from the outputs of Terraform: inventory, known hosts, facts."""

import json
from pathlib import Path

from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.hetzner_decision import read_decision
from kvx.drivers.known_hosts import forget_machines_that_are_gone
from kvx.drivers.state_guard import whole_state
from kvx.drivers.terraform import Terraform
from kvx.errors import ExitCode, KvxError
from kvx.steps.machines import HandOver
from kvx.world import Outcome, World


def is_done(step: HandOver, world: World) -> bool:
    """Whether the files say what the state says."""
    terraform = _terraform(step, world)
    if not terraform.workspace.is_dir():
        return False
    with terraform.alone(wait=False) as free:
        wanted = _wanted(terraform) if free else None
    return wanted is not None and all(_holds(path, text) for path, text in wanted.items())


def perform(step: HandOver, world: World) -> Outcome:
    """Write the files; each as a whole, readable to this user only."""
    with _terraform(step, world).alone():
        wanted = _wanted(_terraform(step, world))
        if wanted is not None and _forget(step, wanted, world):
            wanted = _wanted(_terraform(step, world))
    if wanted is None:
        message = "Terraform's state does not say what was made: the machines are not made, or not all"
        raise KvxError(message, "kvx terraform --target hetzner", ExitCode.INCOMPLETE)
    provision = json.loads(wanted[step.folder / "provision.json"])
    for path, text in wanted.items():
        if not _holds(path, text):
            with file_errors(path):
                replace_file(path, text)
    facts = {"nodes": len(provision["nodes"]), "architectures": provision["architectures"]}
    decision = read_decision(step.folder)  # by an earlier run, where this one goes on
    price = {"monthly_net": decision.monthly_net} if decision and decision.monthly_net else {}
    return Outcome(changed=True, data={"machines": facts, **price})


def _wanted(terraform: Terraform) -> dict[Path, str] | None:
    """Content by path; None while the outputs are not all there."""
    state = whole_state(terraform)
    if state is None or not {"provision", "inventory", "known_hosts"} <= state.outputs.keys():
        return None
    provision = state.outputs["provision"] | {"schema": "kvx/provision/v1"}
    return {
        terraform.folder / "inventory.yaml": state.outputs["inventory"],
        terraform.folder / "known_hosts": _with_keys_made_there(
            state.outputs["known_hosts"], terraform.folder
        ),
        terraform.folder / "provision.json": json.dumps(provision, indent=2, sort_keys=True) + "\n",
    }


def _forget(step: HandOver, wanted: dict[Path, str], world: World) -> bool:
    """Whether host keys had to be forgotten that machines had made which are there no longer."""
    with file_errors(step.folder):
        provision = json.loads(wanted[step.folder / "provision.json"])
        gone = forget_machines_that_are_gone(step.folder, provision)
    for address in gone:
        world.progress(f"forgot the host key of the machine that was at {address}")
    return bool(gone)


def _with_keys_made_there(known_hosts: str, folder: Path) -> str:
    """With the keys that nodes have made themselves, where they have: those they were given are gone."""
    lines = []
    for line in known_hosts.splitlines(keepends=True):
        names = line.partition(" ")[0].split(",")
        files = (folder / "known_hosts.d" / name for name in names)
        own = next((path for path in files if path.is_file()), None)
        lines.append(line if own is None else own.read_text())
    return "".join(lines)


def _holds(path: Path, text: str) -> bool:
    with file_errors(path):
        return path.exists() and path.read_text() == text


def _terraform(step: HandOver, world: World) -> Terraform:
    return Terraform(step.folder / "terraform", step.account, step.backend, world)
