"""A voice processor put together: a queue, a worker with its model, figures and limits."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voice_api.audio.decoding import AudioLimits, sound_blocks, sound_seconds
from voice_api.audio.encoding import resampled_speech
from voice_api.errors import VoiceApiError
from voice_api.figures import Figures, JobFigures
from voice_api.http.bodies import Form, Uploads
from voice_api.http.listening import audio_limits
from voice_api.http.readiness import Readiness, memory_guard
from voice_api.http.sessions import Sessions
from voice_api.http.transcription_wish import read_wish
from voice_api.http.transcripts import transcript_response
from voice_api.jobs.job import Answer, Fields
from voice_api.jobs.pieces import heard_in_pieces, pieces
from voice_api.jobs.queue import Bounds, Queue
from voice_api.jobs.worker import OUTCOMES, Ended, Hear, Worker
from voice_api.settings import Settings
from voice_api.speech.protocol import Company, Listener, Speaker, TranscribeOptions, Transcript
from voice_api.speech.runtime import trim_memory

SILENT_SECONDS = 300.0
"""Hearing gives a sign of life every 50 ms; between two it decodes a file, or looks for speech in an hour."""

PROOF_SENTENCE = "how many pods are running"


@dataclass(frozen=True, slots=True)
class Processor:
    """One processor and all its state."""

    settings: Settings
    listener: Listener
    queue: Queue
    worker: Worker
    uploads: Uploads
    figures: Figures
    readiness: Readiness
    sessions: Sessions

    def close(self) -> None:
        """Take nothing more; what is being heard waits for the next processor."""
        self.worker.stop(self.settings.drain_seconds)
        self.queue.close()


def open_queue(settings: Settings, folder: Path) -> Queue:
    """The queue, as this process's own; VoiceApiError where it cannot be had."""
    chosen = Path(settings.jobs_folder) if settings.jobs_folder else folder
    bounds = Bounds(
        jobs=settings.jobs_most,
        held_bytes=settings.jobs_bytes,
        attempts=settings.job_attempts,
        keep_seconds=settings.jobs_keep_seconds,
    )
    return Queue(chosen, bounds)


def open_processor(settings: Settings, listener: Listener, queue: Queue) -> Processor:
    """A processor whose worker waits for `start`."""
    figures = Figures()
    told = JobFigures(figures.registry, OUTCOMES)
    memory = memory_guard(settings.memory_limit_bytes, settings.memory_headroom_bytes)
    readiness = Readiness(memory, lambda: worker.silent_seconds, SILENT_SECONDS)
    hear = hearing(listener, settings, figures)
    worker = Worker(queue, hear, settings.job_seconds, told=_counted(told), broken=_end_this_process)
    figures.watch(figures.ready, lambda: readiness.obstacle is None)
    figures.watch(figures.resident, memory.resident)
    figures.watch(told.jobs.labels("queued"), lambda: queue.load().waiting)
    figures.watch(told.jobs.labels("in_progress"), lambda: queue.load().running)
    figures.watch(told.held_bytes, lambda: queue.load().held_bytes)
    figures.watch(told.held_seconds, lambda: queue.load().held_seconds)
    return Processor(
        settings=settings,
        listener=listener,
        queue=queue,
        worker=worker,
        uploads=Uploads(settings.max_uploads, settings.upload_seconds, settings.max_body_bytes),
        figures=figures,
        readiness=readiness,
        sessions=Sessions(),
    )


def hearing(listener: Listener, settings: Settings, figures: Figures) -> Hear:
    """Hears a file as its form wishes, and answers as the route of transcriptions does."""
    limits: AudioLimits = audio_limits(settings, settings.max_audio_seconds)

    def hear(body: bytes, fields: Fields, company: Company) -> Answer:
        wish = read_wish(Form(fields, body), settings.beams)
        try:
            transcript = _heard(listener, body, limits, wish.options, company)
        finally:
            trim_memory()
        figures.heard_seconds.inc(transcript.duration_seconds)
        figures.stages(transcript.timings_ms)
        figures.retried(transcript.retries)
        response = transcript_response(transcript, wish)
        return Answer(bytes(response.body), response.headers["content-type"])

    return hear


def _heard(
    listener: Listener, body: bytes, limits: AudioLimits, options: TranscribeOptions, company: Company
) -> Transcript:
    """A file that is damaged or too long is refused before anything of it is heard."""

    def given_up() -> bool:
        company.go_on()
        return False

    sound_seconds(body, limits, given_up)
    return heard_in_pieces(listener, pieces(sound_blocks(body, limits, given_up)), options, company)


def prove(processor: Processor, speaker: Speaker) -> None:
    """Hear a sentence that was just spoken; VoiceApiError where the model does not hear."""
    name, fix = processor.listener.name, "try `voice-api model check FOLDER`, or take --model embedded"
    samples = resampled_speech(speaker.speak(PROOF_SENTENCE, None, 1.0), speaker.sample_rate)
    try:
        heard = processor.listener.transcribe(samples, TranscribeOptions())
    except VoiceApiError:
        raise
    except Exception as error:
        message = f"the model {name} failed on its first sound ({type(error).__name__})"
        raise VoiceApiError("model_failed", message, fix, 500) from error
    if not heard.timings_ms.get("decode", 0) > 0:
        raise VoiceApiError("model_failed", f"the model {name} did not listen to its first sound", fix, 500)
    processor.readiness.decode_worked()


def _counted(figures: JobFigures) -> Callable[[Ended], None]:
    def count(ended: Ended) -> None:
        figures.attempts.labels(ended.outcome).inc()
        figures.waited.observe(ended.waited_seconds)
        figures.took.observe(ended.took_seconds)

    return count


def _end_this_process() -> None:
    """As if it had been asked to; whoever keeps it running starts it anew."""
    os.kill(os.getpid(), signal.SIGTERM)
