"""Jobs as answers: what a caller is told, and where to ask again."""

from math import ceil

from starlette.responses import JSONResponse, Response

from voice_api.errors import VoiceApiError
from voice_api.http.preferences import RESPOND_ASYNC
from voice_api.http.replies import error_content
from voice_api.jobs.job import ENDED, Job

LEAST_WAIT_SECONDS, MOST_WAIT_SECONDS = 1, 60


def job_content(job: Job, keep_seconds: float, heard_seconds: float = 0.0) -> dict[str, object]:
    """Times as OpenAI's objects have them: whole seconds since 1970."""
    begun = job.ended if job.ended is not None else job.created
    return {
        "id": job.id,
        "object": "transcription.job",
        "status": job.status,
        "created_at": int(job.created),
        "ended_at": None if job.ended is None else int(job.ended),
        "expires_at": int(begun + keep_seconds),
        "ahead": job.ahead,
        "seconds": round(job.seconds, 1) or None,
        "heard_seconds": round(heard_seconds, 1),
        "attempts": job.attempts,
        "error": error_content(_error(job)) if job.trouble else None,
        "result": f"/v1/jobs/{job.id}/result" if job.status == "completed" else None,
    }


def job_response(job: Job, keep_seconds: float, heard_seconds: float = 0.0) -> Response:
    """How a job is; one that has not ended says when to ask again."""
    headers = {} if job.status in ENDED else {"Retry-After": str(wait_seconds(job))}
    return JSONResponse(job_content(job, keep_seconds, heard_seconds), headers=headers)


def accepted(job: Job, keep_seconds: float) -> Response:
    """202, as RFC 7240 has it."""
    headers = {"Location": f"/v1/jobs/{job.id}", "Preference-Applied": RESPOND_ASYNC}
    if job.status not in ENDED:
        headers["Retry-After"] = str(wait_seconds(job))
    return JSONResponse(job_content(job, keep_seconds), 202, headers)


def wait_seconds(job: Job) -> int:
    """A tenth of the sound, and more behind others: a bound on how often it is worth asking."""
    return max(LEAST_WAIT_SECONDS, min(MOST_WAIT_SECONDS, ceil((job.seconds / 10) * (job.ahead + 1))))


def not_done(job: Job) -> VoiceApiError:
    """Why there is no result: it failed, as the job says, or it is not heard yet."""
    if job.trouble:
        return _error(job)
    seconds = wait_seconds(job)
    message, fix = f"this job is {job.status}", f"ask again in {seconds} seconds"
    return VoiceApiError("job_not_done", message, fix, 409, retry_after_seconds=seconds)


def not_found() -> VoiceApiError:
    """Whoever does not know a job's name learns nothing of it."""
    return VoiceApiError("job_not_found", "there is no such job", "it was deleted or has expired", 404)


def _error(job: Job) -> VoiceApiError:
    assert job.trouble is not None  # noqa: S101  asked before
    return VoiceApiError(job.trouble.code, job.trouble.message, job.trouble.fix, job.trouble.status)
