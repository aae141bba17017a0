"""Runs a processor on its sockets: the queue is opened, the model loaded, then jobs until a signal."""

import logging
import socket
from pathlib import Path

from voice_api.app import build_processor_app
from voice_api.errors import VoiceApiError
from voice_api.http.metrics import serve_metrics
from voice_api.http.processing import Processor, open_processor, open_queue, prove
from voice_api.http.server import serve
from voice_api.loading import load_listener
from voice_api.settings import Settings, Surroundings
from voice_api.speech.speakers.espeak import EspeakSpeaker
from voice_api.version import VERSION

log = logging.getLogger("voice_api.process")


def process_until_signal(
    settings: Settings,
    models_folder: Path,
    around: Surroundings,
    listening: socket.socket,
    figures: socket.socket | None,
) -> bool:
    """Hear jobs; whether nothing is heard any more when this ends.

    VoiceApiError before anything is accepted, for a queue or a model that cannot be had; and in the end,
    where the queue failed on the way.
    """
    queue = open_queue(settings, around.jobs_folder)
    listener, _ = load_listener(settings, models_folder)
    processor = open_processor(settings, listener, queue)
    speaker = EspeakSpeaker()
    prove(processor, speaker)
    processor.figures.model_info.labels(VERSION, listener.name, speaker.name).set(1)
    waiting = queue.load().waiting
    log.info("loaded", extra={"listener": listener.name, "jobs": waiting})
    metrics = serve_metrics(processor.figures, figures) if figures else None
    processor.worker.start()
    serve(build_processor_app(processor), processor, listening, around.notify_socket)
    if metrics:
        metrics.shutdown()
    return _ended(processor)


def _ended(processor: Processor) -> bool:
    if processor.worker.failed:
        message, fix = "the queue failed while jobs were heard", "see the log; its disk may be full"
        raise VoiceApiError("jobs_failed", message, fix, 500)
    return not processor.worker.alive
