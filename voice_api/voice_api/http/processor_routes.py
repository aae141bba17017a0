"""The routes of a processor: sounds are accepted, jobs asked for and deleted."""

import re

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from voice_api.errors import VoiceApiError
from voice_api.http.bodies import MULTIPART, Form, is_form
from voice_api.http.job_replies import accepted, job_response, not_done, not_found
from voice_api.http.models import check_listener
from voice_api.http.processing import Processor
from voice_api.http.transcription_wish import read_wish, required_file
from voice_api.jobs.job import Job, Offer
from voice_api.jobs.queue import Queue
from voice_api.sound_length import declared_seconds

KEY = re.compile(r"[\x21-\x7e]{1,128}")


def processor_routes(processor: Processor) -> APIRouter:
    router = APIRouter()
    queue, worker, keep = processor.queue, processor.worker, processor.settings.jobs_keep_seconds

    @router.post("/v1/audio/transcriptions")
    async def accept(request: Request) -> Response:
        offer = await _offer(request, processor)
        job = await run_in_threadpool(queue.accept, offer)
        worker.arrived()
        return accepted(job, keep)

    @router.get("/v1/jobs/{name}")
    def job(name: str) -> Response:
        return job_response(_found(queue, name), keep, worker.heard_seconds(name))

    @router.get("/v1/jobs/{name}/result")
    def result(name: str) -> Response:
        answer = queue.answer(name)
        if answer is None:
            raise not_done(_found(queue, name))
        return Response(answer.body, headers={"content-type": answer.media_type})

    @router.delete("/v1/jobs/{name}")
    def delete(name: str) -> Response:
        _found(queue, name)
        queue.remove(name)
        worker.forget(name)
        return Response(status_code=204)

    return router


def _refuse_low_memory(processor: Processor) -> None:
    if processor.readiness.memory.low:
        message = "too little memory is left for another upload"
        raise VoiceApiError("memory_low", message, "try again shortly", 503, retry_after_seconds=10)


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not KEY.fullmatch(key):
        fix = "give 1 to 128 visible ASCII characters, such as a UUID"
        raise VoiceApiError("bad_idempotency_key", "the Idempotency-Key cannot be used", fix)
    return key


async def _offer(request: Request, processor: Processor) -> Offer:
    """What is wrong with a request is told now, and not when it is heard."""
    _refuse_low_memory(processor)
    key = _key(request)
    if not is_form(request):
        raise VoiceApiError("bad_form", "the request is no form", f"send it as {MULTIPART}", 415)
    form = await processor.uploads.form(request)
    _check_wish(form, processor)
    sound = required_file(form)
    return Offer(sound, form.texts, _declared(sound, processor.settings.max_audio_seconds), key)


def _check_wish(form: Form, processor: Processor) -> None:
    wish = read_wish(form, processor.settings.beams)
    check_listener(processor, wish.model)
    if wish.stream:
        message, fix = "what is heard later cannot be streamed", "leave out stream, or Prefer: respond-async"
        raise VoiceApiError("unsupported_value", message, fix, param="stream")


def _declared(sound: bytes, longest_seconds: float) -> float:
    seconds = declared_seconds(sound) or 0.0
    if seconds > longest_seconds:
        message = f"the sound is longer than {longest_seconds:g} seconds"
        raise VoiceApiError("audio_too_long", message, "send it in shorter pieces", 413, param="file")
    return seconds


def _found(queue: Queue, name: str) -> Job:
    job = queue.job(name)
    if job is None:
        raise not_found()
    return job
