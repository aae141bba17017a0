"""What a form asks of /v1/audio/transcriptions: its fields checked, each refusal naming the field."""

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from voice_api.errors import VoiceApiError
from voice_api.http.bodies import Form
from voice_api.settings import SWITCH
from voice_api.speech.protocol import TranscribeOptions

TranscriptFormat = Literal["json", "text", "verbose_json", "srt", "vtt"]
Granularity = Literal["segment", "word"]

LISTS = frozenset({"timestamp_granularities", "keywords", "include"})
"""Fields that may be given again and again, with or without [] behind their name."""

KNOWN = frozenset(
    {"model", "language", "prompt", "response_format", "temperature", "stream", "chunking_strategy"}
    | LISTS
    | {f"{name}[]" for name in LISTS}
)
FORMATS: tuple[str, ...] = get_args(TranscriptFormat)
GRANULARITIES: tuple[str, ...] = get_args(Granularity)
LANGUAGE = re.compile(r"[a-z]{2,3}")
MAX_PROMPT_CHARACTERS = 4_000
MAX_KEYWORDS = 500
MAX_KEYWORD_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked for, checked."""

    model: str | None
    form: TranscriptFormat
    options: TranscribeOptions
    stream: bool = False
    granularities: frozenset[str] = frozenset({"segment"})


def read_wish(form: Form, beams: int) -> Wish:
    """The form's fields; VoiceApiError 400 with `param` for what is unknown or not possible."""
    _refuse_unknown(form)
    chosen = form.text("response_format") or "json"
    if chosen not in FORMATS:
        raise unsupported("response_format", chosen, FORMATS)
    _only(form, "chunking_strategy", ("auto",))
    granularities = _granularities(form, chosen)
    options = TranscribeOptions(
        language=language(form.text("language")),
        timestamps=chosen in ("verbose_json", "srt", "vtt"),
        prompt=checked_prompt(form.text("prompt")),
        temperature=_temperature(form.text("temperature")),
        words="word" in granularities,
        keywords=checked_keywords(listed(form, "keywords")),
        beams=beams,
    )
    model, transcript_form = form.text("model"), cast(TranscriptFormat, chosen)
    return Wish(model, transcript_form, options, _stream(form, chosen), granularities)


def required_file(form: Form) -> bytes:
    if form.file is None:
        raise VoiceApiError(
            "missing_file", "the form holds no file", "add the sound as field `file`", param="file"
        )
    return form.file


def listed(form: Form, name: str) -> tuple[str, ...]:
    """All values of a field that may be given again and again."""
    return tuple(value for key, value in form.texts if key in (name, f"{name}[]"))


def unsupported(param: str, value: str, possible: tuple[str, ...]) -> VoiceApiError:
    message = f"{param} cannot be {value[:64]!r}"
    return VoiceApiError("unsupported_value", message, f"use one of: {', '.join(possible)}", param=param)


def language(value: str | None) -> str | None:
    """An ISO 639 code in lower case; None when none is given."""
    if not value:
        return None
    if not LANGUAGE.fullmatch(value.lower()):
        message = f"language cannot be {value[:64]!r}"
        raise VoiceApiError("unsupported_value", message, "give a code such as en", param="language")
    return value.lower()


def checked_keywords(keywords: tuple[str, ...]) -> tuple[str, ...]:
    """Names that may be said, without those that are empty; VoiceApiError for too many or too long ones."""
    if len(keywords) > MAX_KEYWORDS:
        message, fix = f"there are {len(keywords)} keywords", f"give at most {MAX_KEYWORDS}"
        raise VoiceApiError("too_many_keywords", message, fix, param="keywords")
    if any(len(word) > MAX_KEYWORD_CHARACTERS for word in keywords):
        message, fix = "a keyword is too long", f"give names of at most {MAX_KEYWORD_CHARACTERS} characters"
        raise VoiceApiError("text_too_long", message, fix, param="keywords")
    return tuple(dict.fromkeys(word.strip() for word in keywords if word.strip()))


def checked_prompt(value: str | None) -> str | None:
    """Words that came before or may come; None for none."""
    if value and len(value) > MAX_PROMPT_CHARACTERS:
        message = f"the prompt is longer than {MAX_PROMPT_CHARACTERS} characters"
        raise VoiceApiError("text_too_long", message, "keep the words that matter", param="prompt")
    return value or None


def _refuse_unknown(form: Form) -> None:
    for name, _ in form.texts:
        if name not in KNOWN:
            message, fix = f"there is no parameter {name[:64]!r}", f"known: {', '.join(sorted(KNOWN))}"
            raise VoiceApiError("unknown_parameter", message, fix, param=name)
    for value in listed(form, "include"):
        message = f"include cannot be {value[:64]!r}: probabilities of single tokens are not kept"
        fix = "leave it out; verbose_json tells the average of each segment"
        raise VoiceApiError("unsupported_value", message, fix, param="include")


def _only(form: Form, param: str, possible: tuple[str, ...]) -> None:
    value = form.text(param)
    if value and value.lower() not in possible:
        raise unsupported(param, value, possible)


def _stream(form: Form, chosen: str) -> bool:
    value = (form.text("stream") or "false").lower()
    if value not in SWITCH:
        raise unsupported("stream", value, ("true", "false"))
    if SWITCH[value] and chosen not in ("json", "text"):
        message = f"{chosen} cannot be sent while it is heard"
        raise VoiceApiError("unsupported_value", message, "ask for json, or do not stream", param="stream")
    return SWITCH[value]


def _granularities(form: Form, chosen: str) -> frozenset[str]:
    wanted = listed(form, "timestamp_granularities")
    for value in wanted:
        if value not in GRANULARITIES:
            raise unsupported("timestamp_granularities", value, GRANULARITIES)
    if wanted and chosen != "verbose_json":
        message = f"timestamps are not part of {chosen}"
        raise VoiceApiError(
            "unsupported_value", message, "ask for verbose_json", param="timestamp_granularities"
        )
    return frozenset(wanted or ("segment",))


def _temperature(value: str | None) -> float:
    try:
        number = float(value or 0)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        message = f"temperature cannot be {str(value)[:64]!r}"
        raise VoiceApiError("unsupported_value", message, "give a number from 0 to 1", param="temperature")
    return number
