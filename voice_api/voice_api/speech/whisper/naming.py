"""Decodes a window again with the names that may have been meant, and keeps that only within the bound."""

from collections.abc import Callable
from dataclasses import replace

from voice_api.speech.whisper.beam import decode_beams
from voice_api.speech.whisper.decode import Decoded, Search
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules

LEAST_BEAMS = 4
"""A single text would have to stay with the first name that it began."""


def with_names(
    begin: Callable[[], Decoding], prompt: Prompt, rules: TokenRules, search: Search, plain: Decoded
) -> Decoded:
    """`plain`, which was decoded without names, or a text with names of `search` that it nearly spells.

    A sentence without such names costs nothing more and stays as it is. One with names stands if its words
    are less likely than the plain ones, all in all, by no more than the names in it are worth.
    """
    near = search.keywords.near(plain.tokens)
    if not near:
        return plain
    beams = max(search.beams, LEAST_BEAMS)
    named = decode_beams(begin(), prompt, rules, replace(search, beams=beams, keywords=near))
    worth_it = named.bonus > 0 and plain.log_probability - named.log_probability <= named.bonus
    return named if worth_it else plain
