"""A transcript in each of the formats OpenAI's clients may ask for."""

import zlib
from math import ceil

from starlette.responses import JSONResponse, PlainTextResponse, Response

from voice_api.engines.choice import Answered
from voice_api.engines.engine import LOCAL
from voice_api.errors import VoiceApiError
from voice_api.http.transcription_wish import Wish
from voice_api.http.wishes import emotions_of, members_of
from voice_api.speech.protocol import Segment, Transcript, Word

HERE = Answered(LOCAL)


def transcript_response(transcript: Transcript, wish: Wish, answered: Answered = HERE) -> Response:
    """The answer of /v1/audio/transcriptions; VoiceApiError where words were to be timed and cannot be."""
    match wish.form:
        case "json":
            told = {"text": transcript.text, "usage": _usage(transcript), **members_of(answered)}
            return JSONResponse({**told, **emotions_of(transcript)})
        case "verbose_json":
            whole = verbose(transcript, wish.options.task, wish.granularities)
            return JSONResponse({**whole, **members_of(answered), **emotions_of(transcript)})
        case "text":
            return PlainTextResponse(f"{transcript.text}\n")
        case "srt":
            return PlainTextResponse(srt(transcript), media_type="application/x-subrip")
        case "vtt":
            return PlainTextResponse(vtt(transcript), media_type="text/vtt")


def verbose(transcript: Transcript, task: str, granularities: frozenset[str]) -> dict[str, object]:
    """OpenAI's verbose_json, and what this service adds: confidence, doubtful, empty_because."""
    content: dict[str, object] = {
        "task": task,
        "language": transcript.language,
        "duration": round(transcript.duration_seconds, 3),
        "text": transcript.text,
    }
    if "segment" in granularities:
        content["segments"] = [_segment(number, each) for number, each in enumerate(transcript.segments)]
    if "word" in granularities:
        content["words"] = _words(transcript)
    return {
        **content,
        "usage": _usage(transcript),
        "confidence": transcript.confidence,
        "doubtful": transcript.doubtful,
        "empty_because": transcript.reason,
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


def _words(transcript: Transcript) -> list[dict[str, object]]:
    words = [word for segment in transcript.segments for word in segment.words]
    if transcript.text and not words:
        message = "the model that listens here cannot tell when each word was said"
        fix = "ask for segments, or load a model whose generation_config.json names alignment_heads"
        raise VoiceApiError("no_word_times", message, fix, param="timestamp_granularities")
    return [_word(word) for word in words]


def _word(word: Word) -> dict[str, object]:
    return {
        "word": word.text.strip(),
        "start": round(word.start_seconds, 3),
        "end": round(word.end_seconds, 3),
        "probability": round(word.probability, 4),
    }


def _segment(number: int, segment: Segment) -> dict[str, object]:
    return {
        "id": number,
        "seek": round(segment.start_seconds * 100),
        "start": segment.start_seconds,
        "end": segment.end_seconds,
        "text": segment.text,
        "tokens": list(segment.token_ids),
        "temperature": segment.temperature,
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
