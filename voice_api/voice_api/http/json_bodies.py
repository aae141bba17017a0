"""JSON request bodies, read into a pydantic model with errors that name the parameter."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from voice_api.errors import VoiceApiError

MAX_JSON_BYTES = 1_000_000
KINDS = {"extra_forbidden": "unknown_parameter", "missing": "missing_parameter", "json_invalid": "bad_json"}


class StrictBody(BaseModel):
    """A body in which every member is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Body = TypeVar("Body", bound=StrictBody)


def read_json(kind: type[Body], body: bytes) -> Body:
    """The body as `kind`; VoiceApiError 400 for the first thing wrong with it."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        param = ".".join(str(part) for part in first["loc"]) or None
        code = KINDS.get(first["type"], "unsupported_value")
        known = ", ".join(kind.model_fields)
        message = f"{param or 'the body'}: {first['msg'][0].lower()}{first['msg'][1:]}"
        raise VoiceApiError(code, message[:300], f"send a JSON object with: {known}", param=param) from None
