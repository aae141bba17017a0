"""kvx cost expose: the figures of the last report, served to Prometheus where no node-exporter reads them."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

# Waited for, not handled: the first process of a container gets no others.
STOPS = frozenset({signal.SIGINT, signal.SIGTERM})

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="Figures, as `kvx cost report --cron` writes them.")
]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")]
Port = Annotated[int, typer.Option("--port", metavar="NUMBER", min=0, max=65535, help="0 is any free one.")]


def expose(file: File, *, host: Host = "0.0.0.0", port: Port = 9090) -> None:  # noqa: S104  a pod has one way in
    """Serve the figures of the last report at /metrics until it is asked to stop.

    The file is read at each request; before the first report there are none.
    """
    from kvx.drivers.cost_exposing import exposed

    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    with exposed(file, host, port) as address:
        print(f"serving {file} at {address}", file=sys.stderr, flush=True)
        signal.sigwait(STOPS)
