"""kvx nodes run: one command on many nodes; what each printed, and with which code it ended."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from kvx.commands.nodes_table import listed
from kvx.commands.nodes_target import Cluster, cluster_of
from kvx.errors import ExitCode, KvxError
from kvx.nodes.answers import Answer
from kvx.nodes.inventory import Host

SCHEMA = "kvx/nodes/v1"


def run_command(
    folder: Path | None,
    target: str | None,
    command: Sequence[str],
    *,
    on: Sequence[str],
    timeout_seconds: float,
    as_json: bool,
) -> None:
    """Print what every node said; exit code 1 where the command failed on one, or one was not reached."""
    if not command:
        raise KvxError("there is no command to run", "kvx nodes run --on servers -- uptime", ExitCode.USAGE)
    cluster = cluster_of(folder, target)
    hosts = hosts_on(cluster, on)
    from kvx.drivers.node_commands import run_on
    from kvx.world import real_world

    found = run_on(cluster.step, hosts, command, real_world(), timeout_seconds=timeout_seconds)
    code = ExitCode.DONE if all(answer.good for answer in found) else ExitCode.FAILED
    if as_json:
        print(json.dumps(_document(cluster, command, found, code), indent=2))
    else:
        _print(found)
    if code:
        raise typer.Exit(int(code))


def hosts_on(cluster: Cluster, words: Sequence[str]) -> tuple[Host, ...]:
    """The hosts that are meant; raises a KvxError with exit code 2 for a word that means nobody."""
    inventory = cluster.inventory
    try:
        hosts = inventory.chosen(words)
    except KeyError as error:
        word = str(error.args[0])
        message = f"there is no node, pool or group {word!r} in the cluster {inventory.cluster}"
        raise KvxError(message, f"one of: {', '.join(inventory.nearest(word))}", ExitCode.USAGE) from None
    if not hosts:
        message = f"nobody is in {listed(words)}"
        raise KvxError(message, f"one of: {', '.join(inventory.names)}", ExitCode.USAGE)
    return hosts


def lines_of(name: str, text: str, width: int) -> list[str]:
    """Each line with the node before it, so that one can search in them."""
    return [f"{name:<{width}}  {line}" for line in text.splitlines()]


def endings(found: Sequence[Answer]) -> Iterator[str]:
    """How the nodes came through: those that are all right together, each other one with what is wrong."""
    good = [answer.node for answer in found if answer.good]
    if good and len(good) == len(found):
        yield "exit code 0" if len(good) == 1 else f"exit code 0 on all {len(good)} nodes"
        return
    if good:
        yield f"exit code 0: {', '.join(good)}"
    for answer in found:
        if answer.wrong is not None:
            yield f"{answer.node}: {answer.wrong}"
        elif not answer.good:
            yield f"exit code {answer.code}: {answer.node}"


def _print(found: Sequence[Answer]) -> None:
    """What was printed is data; how it ended is talk."""
    width = max(len(answer.node) for answer in found)
    for answer in found:
        for stream, text in ((sys.stdout, answer.stdout), (sys.stderr, answer.stderr)):
            for line in lines_of(answer.node, text, width):
                print(line, file=stream)
        sys.stdout.flush()
    print("\n".join(endings(found)), file=sys.stderr)


def _document(
    cluster: Cluster, command: Sequence[str], found: Sequence[Answer], code: ExitCode
) -> dict[str, object]:
    answers = [
        {
            "node": answer.node,
            "exit_code": answer.code,
            "stdout": answer.stdout,
            "stderr": answer.stderr,
            "wrong": answer.wrong,
        }
        for answer in found
    ]
    head = {"schema": SCHEMA, "cluster": cluster.inventory.cluster, "command": list(command)}
    return {**head, "answers": answers, "exit_code": int(code)}
