"""Starts the service and runs it: sockets first, then the parts, then requests until a signal."""

from voice_api.app import build_app
from voice_api.assemble import assemble
from voice_api.http.metrics import serve_metrics
from voice_api.http.server import serve
from voice_api.http.sockets import inherited_socket, listening_socket, opened_socket
from voice_api.logs import configure_logs
from voice_api.settings import Settings, Surroundings


def serve_until_signal(
    settings: Settings, around: Surroundings, descriptor: int | None, metrics_descriptor: int | None
) -> bool:
    """Serve; whether all work had ended when the drain did.

    VoiceApiError before anything is accepted: a socket that cannot be had, a model that does not work.
    """
    configure_logs(settings.log_format, settings.log_level)
    listening = listening_socket(settings.host, settings.port, descriptor)
    figures_socket = None
    if metrics_descriptor is not None:
        figures_socket = inherited_socket(metrics_descriptor)
    elif settings.metrics_port:
        figures_socket = opened_socket(settings.metrics_host, settings.metrics_port)
    service = assemble(settings, around)
    metrics = serve_metrics(service.figures, figures_socket) if figures_socket else None
    serve(build_app(service), service, listening, around.notify_socket)
    if metrics:
        metrics.shutdown()
    return service.model.busy_seconds == 0 and service.acting.busy_seconds == 0
