"""Looks after a cluster that stands, by the playbooks upgrade.yml and restore.yml."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kvx.drivers.ansible import Play, Played, play
from kvx.drivers.configuring import play_of
from kvx.nodes.changes import NodeChange
from kvx.steps.node_care import CareStep, CheckNodes, RestoreNodes, UpgradeNodes
from kvx.world import Outcome, World

# Of its own, so that one may look while another kvx configures.
CHECKING = "ansible-check"


def perform(step: CareStep, world: World) -> Outcome:
    """Run the playbook to its end; raises KvxError that names host, task and fix."""
    if isinstance(step, CheckNodes):
        return Outcome(changed=False, data={"changes": changes(step, world)})
    played = play(play_for(step), world)
    return Outcome(played.changed, tuple(_lines(played)), {**_about(step), "log": str(played.log)})


def changes(step: CheckNodes, world: World) -> tuple[NodeChange, ...]:
    """What site.yml would change on each machine; raises KvxError where that cannot be told."""
    played = play(replace(play_of(step.configure), check=True, workplace=CHECKING), world)
    return tuple(NodeChange(each.host, each.role, each.task, each.diff) for each in played.changes)


def play_for(step: UpgradeNodes | RestoreNodes) -> Play:
    """The playbook with all that site.yml is told, and what this step is about."""
    match step:
        case UpgradeNodes():
            playbook = "upgrade.yml"
            more = {"k3s_version": step.version, "k3s_upgrade_agents_at_once": step.agents_at_once}
        case RestoreNodes():
            playbook = "restore.yml"
            more = {
                "k3s_restore_snapshot": step.snapshot,
                "k3s_restore_confirmed": step.cluster,
                "k3s_restore_from_bucket": step.from_bucket,
            }
    known = play_of(step.configure, playbook)
    return replace(known, variables={**known.variables, **more}, deadline_seconds=step.deadline_seconds)


def _about(step: UpgradeNodes | RestoreNodes) -> Mapping[str, object]:
    match step:
        case UpgradeNodes():
            return {"version": step.version}
        case RestoreNodes():
            return {"snapshot": step.snapshot}


def _lines(played: Played) -> Iterator[str]:
    for host, result in played.hosts.items():
        if result.changed:
            yield f"{host}: {result.changed} tasks changed it"
    yield f"all that was said: {played.log}"
