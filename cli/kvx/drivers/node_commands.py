"""Runs one command on many nodes at the same time, by SSH through Ansible, and brings back what each said."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kvx.drivers.ansible import Play, answers
from kvx.drivers.reaching import usable_key
from kvx.drivers.ssh_failures import failure_of, last_words
from kvx.nodes.answers import Answer, answer_from
from kvx.nodes.inventory import Host
from kvx.secret import Secret
from kvx.steps.nodes import ConfigureNodes
from kvx.world import World

PLAYBOOK = "run.yml"
# Of its own, so that one may look at nodes while another kvx configures them.
WORKPLACE = "ansible-run"
_TASK = "Run it"
_KILL_SECONDS = 5
_CONNECT_SECONDS = 60.0


def run_on(
    step: ConfigureNodes,
    hosts: Sequence[Host],
    command: Sequence[str],
    world: World,
    *,
    timeout_seconds: float = 60,
) -> tuple[Answer, ...]:
    """What the command came to on each of the hosts; no shell reads it, and it ends after the timeout.

    Raises KvxError where Ansible itself cannot be run; a node that is not reached has an Answer, too.
    """
    bounded = ("timeout", f"--kill-after={_KILL_SECONDS}", f"{timeout_seconds:g}", *command)
    play = Play(
        playbook=step.source / PLAYBOOK,
        folder=step.folder,
        variables={"ansible_ssh_private_key_file": str(usable_key(step.key))},
        secrets={"KVX_COMMAND": Secret(json.dumps(bounded))},
        limit=tuple(host.name for host in hosts),
        deadline_seconds=timeout_seconds + _KILL_SECONDS + _CONNECT_SECONDS,
        forks=max(step.nodes.forks, 1),
        workplace=WORKPLACE,
        answers_of=_TASK,
    )
    found = answers(play, world)
    return tuple(answer_from(host, _told(found.get(host.name)), timeout_seconds) for host in hosts)


def _told(result: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Of one that was not reached, what ssh said and no more."""
    if not result or not result.get("unreachable"):
        return result
    talk = str(result.get("msg") or "")
    return {**result, "msg": f"{failure_of(talk).value}: {last_words(talk)}"}
