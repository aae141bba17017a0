"""Runs the service on its sockets: the parts are put together, then requests until a signal."""

import gc
import socket
from concurrent.futures import Future

from voice_api.app import build_app
from voice_api.assemble import assemble
from voice_api.http.metrics import serve_metrics
from voice_api.http.server import serve
from voice_api.loading import Loaded
from voice_api.settings import Settings, Surroundings


def serve_until_signal(
    settings: Settings,
    around: Surroundings,
    listening: socket.socket,
    figures: socket.socket | None,
    loading: "Future[Loaded]",
) -> bool:
    """Serve; whether all work had ended when the drain did.

    VoiceApiError before anything is accepted, for a model or a cluster that cannot be had.
    """
    service = assemble(settings, around, loading)
    metrics = serve_metrics(service.figures, figures) if figures else None
    app = build_app(service)
    # What was made until now stays: the collector of cycles, which every long list sets to work, need not
    # look at it again. That is a quarter of the processor time of text commands.
    gc.collect()
    gc.freeze()
    serve(app, service, listening, around.notify_socket)
    if metrics:
        metrics.shutdown()
    return service.lanes.busy_seconds == 0
