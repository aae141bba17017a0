"""The tokens a decoding begins with: likely words, language, task, and whether to tell the time."""

from collections.abc import Sequence
from dataclasses import dataclass

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.config import Generation
from voice_api.speech.whisper.tokens import Vocabulary

PREVIOUS_TEXT = "<|startofprev|>"
NO_SPEECH_NAMES = ("<|nospeech|>", "<|nocaptions|>")
ONLY_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to begin with.

    start_index      where the start token stands, after earlier text
    no_speech_token  its probability there tells silence; None for a model that has none
    """

    tokens: tuple[int, ...]
    start_index: int
    no_speech_token: int | None = None


@dataclass(frozen=True, slots=True)
class Prompter:
    """Makes prompts from what a folder's vocabulary and generation settings know."""

    vocabulary: Vocabulary
    generation: Generation

    def prompt(
        self, options: TranscribeOptions, language: str, timestamps: bool, names: Sequence[str] = ()
    ) -> Prompt:
        """Likely words if given, then start, language, task, and no-timestamps unless they are wanted.

        names  the likeliest first; they stand before the caller's own words, the likeliest nearest to them
        """
        generation = self.generation
        before = self._words_before([", ".join(reversed(names)), options.prompt or ""])
        tokens = [*before, generation.start_token]
        if generation.multilingual:
            tokens += [generation.languages[language], *self._task(options)]
        if generation.no_timestamps_token is not None and not timestamps:
            tokens.append(generation.no_timestamps_token)
        return Prompt(tuple(tokens), len(before), self.no_speech_token)

    @property
    def no_speech_token(self) -> int | None:
        ids = self.vocabulary.ids
        return next((ids[name] for name in NO_SPEECH_NAMES if name in ids), None)

    def refuse_unknown(self, options: TranscribeOptions) -> None:
        """Raise VoiceApiError for a language or task that the model does not have."""
        generation = self.generation
        known, fix = {None, ONLY_LANGUAGE}, f"leave the language out, or say {ONLY_LANGUAGE}"
        if generation.multilingual:
            known = {None, *generation.languages}
            fix = f"use one of: {', '.join(sorted(generation.languages))}"
        if options.language not in known:
            message = f"this model does not hear the language {options.language!r:.20}"
            raise VoiceApiError("unknown_language", message, fix)
        if options.task == "translate" and not (generation.multilingual and "translate" in generation.tasks):
            fix = "ask for a transcription, or load a multilingual Whisper"
            raise VoiceApiError("no_translation", "this model does not translate", fix)

    def _task(self, options: TranscribeOptions) -> list[int]:
        tasks = self.generation.tasks
        return [tasks[options.task]] if options.task in tasks else []

    def _words_before(self, texts: Sequence[str]) -> list[int]:
        """At most half of the decoder's positions, as Whisper was trained; the last words count most."""
        ids = self.vocabulary.ids
        text = ". ".join(text.strip() for text in texts if text.strip())
        if not text or PREVIOUS_TEXT not in ids:
            return []
        words = self.vocabulary.tokenizer.encode(f" {text}", add_special_tokens=False).ids
        room = self.generation.max_length // 2 - 1
        return [ids[PREVIOUS_TEXT], *words[-room:]]
