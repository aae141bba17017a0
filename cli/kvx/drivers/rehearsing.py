"""Runs kvx against the simulated Hetzner: the same program, with another account and a folder of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kvx.drivers.files import file_errors
from kvx.drivers.rehearsal import TOKEN, Simulation

_SETTINGS = "kvx.toml"
# What could lead to something real: a rehearsal never sees it.
_REAL = ("AWS_", "HCLOUD_", "TF_VAR_")


def rehearse(
    arguments: Sequence[str],
    folder: Path,
    simulation: Simulation,
    variables: Mapping[str, str],
) -> int:
    """The exit code of `kvx ARGUMENTS` in `folder`, with this terminal; `variables` are settings."""
    command = [sys.executable, "-c", "from kvx.main import run; run()", *arguments]
    environment = _environment(folder, simulation) | dict(variables)
    with subprocess.Popen(command, env=environment) as child, _signals_left_to(child):
        code = child.wait()
    return code if code >= 0 else 128 - code


def take_settings(source: Path, folder: Path) -> None:
    """The user's kvx.toml as it is now, so that what is rehearsed is what would be deployed."""
    with file_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / _SETTINGS).unlink(missing_ok=True)
        if (source / _SETTINGS).is_file():
            shutil.copyfile(source / _SETTINGS, folder / _SETTINGS)


def _environment(folder: Path, simulation: Simulation) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_REAL)}
    return kept | {
        "HCLOUD_TOKEN": TOKEN,
        "HCLOUD_ENDPOINT": simulation.address,
        "KVX_HETZNER_ADDRESS_URL": f"{simulation.origin}/_rehearsal/address",
        "KVX_FOLDER": str(folder),
        "KVX_TARGET": "hetzner",
    }


@contextmanager
def _signals_left_to(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    """The child decides what they mean: a Ctrl-C reaches it by itself, a request to end is handed on."""
    reactions = {signal.SIGINT: lambda *_: None, signal.SIGTERM: lambda *_: child.terminate()}
    before = {number: signal.signal(number, reaction) for number, reaction in reactions.items()}
    try:
        yield
    finally:
        for number, reaction in before.items():
            signal.signal(number, reaction)
