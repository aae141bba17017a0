"""A transcript in each of the formats OpenAI's clients may ask for."""

import zlib
from math import ceil
from typing import Literal

from starlette.responses import JSONResponse, PlainTextResponse, Response

from voice_api.speech.protocol import Segment, Transcript

TranscriptFormat = Literal["json", "text", "verbose_json", "srt", "vtt"]


def transcript_response(
    transcript: Transcript, form: TranscriptFormat, task: str, temperature: float
) -> Response:
    """The answer of /v1/audio/transcriptions."""
    match form:
        case "json":
            return JSONResponse({"text": transcript.text, "usage": _usage(transcript)})
        case "verbose_json":
            return JSONResponse(verbose(transcript, task, temperature))
        case "text":
            return PlainTextResponse(f"{transcript.text}\n")
        case "srt":
            return PlainTextResponse(srt(transcript), media_type="application/x-subrip")
        case "vtt":
            return PlainTextResponse(vtt(transcript), media_type="text/vtt")


def verbose(transcript: Transcript, task: str, temperature: float) -> dict[str, object]:
    """OpenAI's verbose_json, and what this service adds: confidence, doubtful, reason."""
    return {
        "task": task,
        "language": transcript.language,
        "duration": round(transcript.duration_seconds, 3),
        "text": transcript.text,
        "segments": [
            _segment(number, segment, temperature) for number, segment in enumerate(transcript.segments)
        ],
        "usage": _usage(transcript),
        "confidence": transcript.confidence,
        "doubtful": transcript.doubtful,
        "reason": transcript.reason,
    }


def srt(transcript: Transcript) -> str:
    """SubRip subtitles; an empty text when nothing was heard."""
    cues = [
        f"{number}\n{_clock(segment, ',')}\n{segment.text.strip()}\n"
        for number, segment in enumerate(transcript.segments, 1)
    ]
    return "\n".join(cues)


def vtt(transcript: Transcript) -> str:
    """WebVTT subtitles; the bare header when nothing was heard."""
    cues = [f"{_clock(segment, '.')}\n{segment.text.strip()}\n" for segment in transcript.segments]
    return "\n".join(["WEBVTT\n", *cues])


def _usage(transcript: Transcript) -> dict[str, object]:
    return {"type": "duration", "seconds": ceil(transcript.duration_seconds)}


def _segment(number: int, segment: Segment, temperature: float) -> dict[str, object]:
    return {
        "id": number,
        "seek": round(segment.start_seconds * 100),
        "start": segment.start_seconds,
        "end": segment.end_seconds,
        "text": segment.text,
        "tokens": list(segment.token_ids),
        "temperature": temperature,
        "avg_logprob": segment.average_log_probability,
        "compression_ratio": _compression_ratio(segment.text),
        "no_speech_prob": segment.no_speech_probability,
    }


def _compression_ratio(text: str) -> float:
    """Bytes of the text per byte of its zlib form: high where words repeat, as Whisper defines it."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _clock(segment: Segment, point: str) -> str:
    return f"{_time(segment.start_seconds, point)} --> {_time(segment.end_seconds, point)}"


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{point}{milliseconds:03}"
