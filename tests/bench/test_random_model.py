"""Random models: the published shapes, weights that every reader takes, and words that are known before."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from voice_api.bench.checkpoint import read_weights, write_weights
from voice_api.bench.random_model import PROMPT_TOKENS, SIZES, Size, Weights, random_weights
from voice_api.bench.random_tokenizer import VOCABULARY_SIZE, special_ids
from voice_api.bench.subjects import Subject
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.engine import load_whisper


def likely_words(weights: Weights) -> NDArray[np.int64]:
    """The token that each position makes likely."""
    positions = weights["model.decoder.embed_positions.weight"]
    return (positions @ weights["model.decoder.embed_tokens.weight"].T).argmax(axis=1)


@pytest.mark.parametrize(("name", "tensors", "millions"), [("tiny", 167, 37.8), ("base", 245, 72.6)])
def test_sizes_are_the_published_ones(name: str, tensors: int, millions: float) -> None:
    weights = random_weights(SIZES[name])
    assert len(weights) == tensors
    assert sum(values.size for values in weights.values()) / 1e6 == pytest.approx(millions, abs=0.1)


def test_the_same_seed_draws_the_same_model(smallest: Size) -> None:
    first, again, other = (random_weights(smallest, seed=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["model.encoder.conv1.weight"], other["model.encoder.conv1.weight"])


def test_no_two_positions_make_the_same_word_likely(smallest: Size) -> None:
    words = likely_words(random_weights(smallest))
    assert len(set(words.tolist())) == len(words)


def test_a_text_ends_where_that_was_asked_for(smallest: Size) -> None:
    end = special_ids()["<|endoftext|>"]
    assert end not in likely_words(random_weights(smallest))
    words = likely_words(random_weights(smallest, text_tokens=15))
    assert words.tolist().index(end) == PROMPT_TOKENS - 1 + 15


def test_the_vocabulary_is_the_published_one_in_size_and_order(small: Subject) -> None:
    assert small.checkpoint is not None
    tokenizer = Tokenizer.from_file(str(small.checkpoint / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == VOCABULARY_SIZE == 51_865
    published = {"<|endoftext|>": 50_257, "<|en|>": 50_259, "<|notimestamps|>": 50_363, "<|0.00|>": 50_364}
    assert {name: tokenizer.token_to_id(name) for name in published} == published
    said = "scale the web to three"
    assert tokenizer.decode(tokenizer.encode(said).ids) == said


def test_transformers_reads_the_checkpoint(small: Subject) -> None:
    from transformers import WhisperForConditionalGeneration

    weights = read_weights(small.checkpoint or Path())
    model, told = WhisperForConditionalGeneration.from_pretrained(small.checkpoint, output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    found = model.state_dict()
    assert all(np.array_equal(found[name].numpy(), values) for name, values in weights.items())


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = {"a.b": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.ones(1, dtype=np.float32)}
    write_weights(tmp_path, written)
    found = read_weights(tmp_path)
    assert {name: values.tolist() for name, values in found.items()} == {
        "a.b": [[0, 1, 2], [3, 4, 5]],
        "c": [1],
    }


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 64, (2).to_bytes(8, "little") + b"{]", (10**9).to_bytes(8, "little")]
)
def test_damaged_weights_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(VoiceApiError, match=r"model\.safetensors cannot be read") as caught:
        read_weights(tmp_path)
    assert "copy the model's folder again" in caught.value.fix


def test_the_compiled_model_writes_the_words_that_its_weights_make_likely(small: Subject) -> None:
    words = likely_words(read_weights(small.checkpoint or Path()))[PROMPT_TOKENS - 1 :]
    model = load_whisper(small.folder, 2).model
    prompt = model.prompter.prompt(TranscribeOptions(language="en"), "en", timestamps=False).tokens
    decoding = model.decoder.begin(model.encoder.run(np.zeros((1, 80, 200), dtype=np.float32)))
    heard = [int(decoding.feed(np.array([prompt]))[0, -1].argmax())]
    while len(heard) < 40:
        heard.append(int(decoding.feed(np.array([[heard[-1]]]))[0, -1].argmax()))
    assert heard == words[:40].tolist()
