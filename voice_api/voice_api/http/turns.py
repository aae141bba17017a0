"""What a request says of the conversation it belongs to: whose it is, and which question it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from starlette.requests import Request

from voice_api.commands.conversation.turn import Turn
from voice_api.errors import VoiceApiError
from voice_api.http.service import Service

FIELDS = frozenset({"session", "confirm", "since_question_seconds"})
MOST_CHARACTERS = 128
LONGEST_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which conversation a command stands.

    session  a name that the client keeps to itself; without one nothing is remembered or changed
    confirm  the id of the question that this answers, where a program or a click answers it
    since    seconds from the end of the question's sound to the beginning of this one
    """

    session: str = ""
    confirm: str | None = None
    since: float | None = None


def place_of(texts: Mapping[str, str | float | None]) -> Place:
    """VoiceApiError for a name that is too long, or a time that is none."""
    session, confirm = texts.get("session") or "", texts.get("confirm") or None
    for name, value in (("session", session), ("confirm", confirm or "")):
        if len(str(value)) > MOST_CHARACTERS or not str(value).isprintable():
            message = f"{name} has more than {MOST_CHARACTERS} characters, or odd ones"
            raise VoiceApiError("unsupported_value", message, "send a shorter one", param=name)
    return Place(str(session), None if confirm is None else str(confirm), _since(texts))


def turn_of(service: Service, request: Request, place: Place, command: str, *, spoken: bool) -> Turn:
    """The turn of a request; VoiceApiError 401 for credentials that are none."""
    user = service.engines.users.speaker_of(request.headers.get("authorization"))
    return Turn(user, place.session, spoken, place.since, place.confirm, command)


def _since(texts: Mapping[str, str | float | None]) -> float | None:
    given = texts.get("since_question_seconds")
    if given is None or given == "":
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not (isfinite(seconds) and 0 <= seconds <= LONGEST_SECONDS):
        message = "since_question_seconds is no number of seconds since the question was heard"
        raise VoiceApiError("unsupported_value", message, "send 1.5", param="since_question_seconds")
    return seconds
