"""The table of commands."""

import sys

import typer

from kvx.commands import cleanup, config, deploy, doctor, phase, version
from kvx.commands.ending import end

app = typer.Typer(
    name="kvx",
    help="Put a voice API on this machine, on a cluster or on ARM64 machines, and look after it.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("deploy")(deploy.deploy)
app.command("cleanup")(cleanup.cleanup)
app.command("doctor")(doctor.doctor)
for name in phase.PHASES:
    app.command(name, help=phase.HELP[name])(phase.phase_command(name))
app.add_typer(config.app, name="config")
app.command("version")(version.version)


def run() -> None:
    """The program `kvx`."""
    sys.exit(end(app, sys.argv[1:]))
