"""The table of commands; a command is imported when it is called, so that help appears at once."""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from kvx.commands.ending import end

# What is typed: the module under kvx.commands, what to call in it, and one line of help.
COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "deploy": ("deploy", "deploy", "Put the voice API up and speak to it."),
    "status": ("status", "status", "Show how the voice API is doing."),
    "verify": ("verify", "verify", "Speak a sentence to it; in a cluster, look at all that holds it."),
    "say": ("say", "say", "Give it a command as text."),
    "listen": ("listen", "listen", "Give it a command as sound."),
    "user": ("user", "app", "Add, list and revoke who may say what."),
    "audit": ("audit", "app", "Show, verify and count what was said and done."),
    "adopt": ("adopt", "adopt", "Take over machines that are missing from Terraform's state."),
    "drift": ("drift", "drift", "Tell whether the machines are still as planned."),
    "releases": ("releases", "releases", "Show what was rolled out to a cluster."),
    "rollback": ("rollback", "rollback", "Go back to an earlier release."),
    "backup": ("backup", "backup", "Put all that kvx owns in a cluster into one file."),
    "restore": ("restore", "restore", "Put such a file back into a cluster."),
    "cleanup": ("cleanup", "cleanup", "Take the deployment away again."),
    "nodes": ("nodes", "app", "Show the nodes of the cluster, and look after them."),
    "cost": ("cost", "app", "Say what it costs, until now and before it is made."),
    "usage": ("usage", "usage", "Show what cloud engines were used for, and what is left."),
    "lint": ("lint", "lint", "Look at Kubernetes manifests by rules, and say what to write instead."),
    "doctor": ("doctor", "doctor", "Check what a deploy needs of this machine."),
    "config": ("config", "app", "Show the settings, and where each came from."),
    "terraform": ("phase", "terraform", "Make the machines alone."),
    "ansible": ("phase", "ansible", "Configure the machines alone."),
    "images": ("images", "app", "Build, push, prove, list and delete images."),
    "kubernetes": ("kubernetes", "app", "Render, compare and apply the manifests."),
    "bench": ("bench", "app", "Measure the voice API, here or in a cluster."),
    "rehearse": ("rehearse", "app", "Rehearse on a simulated Hetzner: no account, no bill."),
    "version": ("version", "version", "Print the versions in use."),
}


class ImportedWhenCalled(Mapping[str, Any]):
    """The table as Typer's commands."""

    def __getitem__(self, name: str) -> Any:
        module, attribute, _ = COMMANDS[name]
        called = getattr(import_module(f"kvx.commands.{module}"), attribute)
        if isinstance(called, typer.Typer):
            return typer.main.get_command(called)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(called)
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Table(TyperGroup):
    """A group that prints its help without importing a single command."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = ImportedWhenCalled()  # type: ignore[assignment]  # nothing is ever added to it

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer asks with its context
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


app = typer.Typer(
    name="kvx",
    cls=Table,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def kvx() -> None:
    """Put a voice API on this machine, on a cluster or on ARM64 machines, and look after it."""


def run() -> None:
    """The program `kvx`."""
    sys.exit(end(app, sys.argv[1:], tuple(COMMANDS)))
