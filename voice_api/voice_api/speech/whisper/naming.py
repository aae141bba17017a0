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

    A sentence without such names costs nothing more and stays as it is.
    """
    near = search.keywords.near(plain.tokens)
    if not near:
        return plain
    named = _named(begin, prompt, rules, replace(search, keywords=near))
    return named if named.bonus > 0 and _worth_it(named, plain) else plain


def named_again(
    begin: Callable[[], Decoding], prompt: Prompt, rules: TokenRules, search: Search, plain: Decoded
) -> Decoded:
    """As with_names, of a text that is near to the names of `search`, and with a prompt that may say them.

    A name can be heard for the prompt alone, so a text that no letters were favoured in may stand as well.
    """
    named = _named(begin, prompt, rules, search)
    return replace(named, retries=plain.retries) if _worth_it(named, plain) else plain


def _named(begin: Callable[[], Decoding], prompt: Prompt, rules: TokenRules, search: Search) -> Decoded:
    beams = max(search.beams, LEAST_BEAMS)
    return decode_beams(begin(), prompt, rules, replace(search, beams=beams))


def _worth_it(named: Decoded, plain: Decoded) -> bool:
    """Its words are less likely than the plain ones, all in all, by no more than its names are worth."""
    return plain.log_probability - named.log_probability <= named.bonus
