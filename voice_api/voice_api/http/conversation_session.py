"""One session of /v1/conversation: what is said is written down, answered, and the answer spoken."""

from voice_api.errors import VoiceApiError
from voice_api.http.breaking import Breaking
from voice_api.http.conversation_answers import CommandAnswers, Company
from voice_api.http.conversation_elsewhere import Talking
from voice_api.http.conversation_events import session_event
from voice_api.http.conversation_wish import Answers, ConversationSettings, wished_of
from voice_api.http.realtime_session import RealtimeSession
from voice_api.http.realtime_wish import Json, read_audio
from voice_api.http.response import Send
from voice_api.http.service import Service
from voice_api.http.speech import check_voice

KNOWN = (
    "session.update, input_audio_buffer.append, .commit and .clear, response.create and .cancel, "
    "conversation.item.truncate and .played"
)


class ConversationSession:
    """Takes the client's events one after the other; `broken` is done when it cannot go on."""

    def __init__(self, service: Service, send: Send, company: Company, answers: Answers = "commands") -> None:
        self._service, self._send, self._company = service, send, company
        self._settings = ConversationSettings()
        breaking = Breaking()
        self.broken = breaking.future
        self._answers = CommandAnswers(service, send, company, breaking)
        self._listening = RealtimeSession(service, send, company.wished, self._answers, breaking)
        elsewhere = answers == "engine" and not company.wished.at_home
        talking = Talking(service, send, company, self._listening.listen, breaking)
        self._talking = talking if elsewhere else None

    @property
    def seconds(self) -> float:
        """Sound received so far."""
        return self._talking.seconds if self._talking else self._listening.seconds

    @property
    def last_sound(self) -> float:
        return self._listening.last_sound

    async def greet(self, _: bool) -> None:
        await self._tell_settings("session.created")

    async def take(self, event: Json) -> None:
        """Do what one event asks; VoiceApiError for what is wrong with it."""
        match event["type"]:
            case "session.update":
                await self._update(event)
            case "input_audio_buffer.append" if self._talking:
                await self._talking.send(await self._listening.received(read_audio(event)), self._settings)
            case "input_audio_buffer.append" | "input_audio_buffer.commit" | "input_audio_buffer.clear":
                self._refuse_elsewhere(event)
                await self._listening.take(event)
            case "response.create":
                self._refuse_elsewhere(event)
                await self._answers.create()
            case "response.cancel":
                self._interrupt()
            case "conversation.item.truncate" | "conversation.item.played":
                await self._played(event)
            case other:
                raise VoiceApiError(
                    "unknown_event", f"there is no event {other[:64]!r} here", f"known: {KNOWN}"
                )

    async def end(self) -> None:
        """Nothing is heard or said any more."""
        if self._talking:
            await self._talking.end()
        await self._answers.end()
        await self._listening.end()

    async def _update(self, event: Json) -> None:
        settings = wished_of(self._settings, event)
        check_voice(self._service, settings.voice)
        if self._talking:
            self._talking.check(settings)
        await self._listening.change(settings.listening)
        self._settings = self._answers.settings = settings
        await self._tell_settings("session.updated")

    async def _tell_settings(self, kind: str) -> None:
        about = {
            "session": self._company.session,
            "answers": "engine" if self._talking else "commands",
            "user": self._company.user.name,
        }
        model = self._service.engines.listener.name
        await self._send(session_event(kind, self._listening.identity, self._settings, model, about))

    async def _played(self, event: Json) -> None:
        """The client tells how far it played a reply."""
        if event["type"] == "conversation.item.played":
            self._answers.played(event.get("item_id"))
            return
        self._answers.truncated(event.get("item_id"))
        if self._talking:
            self._talking.interrupt()
        about = {name: event.get(name) for name in ("item_id", "content_index", "audio_end_ms")}
        await self._send({"type": "conversation.item.truncated", **about})

    def _interrupt(self) -> None:
        self._answers.interrupt()
        if self._talking:
            self._talking.interrupt()

    def _refuse_elsewhere(self, event: Json) -> None:
        if self._talking:
            fix = "leave it out, or converse with ?answers=commands"
            raise VoiceApiError(
                "unsupported_event", f"who converses by itself takes no {event['type'][:64]}", fix
            )
