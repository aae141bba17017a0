"""Compiled graphs as the decode loop uses them: beams, attention, wanted logits, vocabularies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compile_cases import some_features, some_tokens

from voice_api.speech.whisper.compile.vocabulary import kept_tokens
from voice_api.speech.whisper.compiled import CompiledDecoder, CompiledEncoder
from voice_api.speech.whisper.errors import ModelFolderError

Load = Callable[[Path], tuple[CompiledEncoder, CompiledDecoder]]
TOLERANCE = 1e-4


@pytest.fixture(params=["plain", "fused"])
def hearing(request: pytest.FixtureRequest, compiled: Callable[..., Path], tmp_path: Path) -> Path:
    """The same folder with either way of attending to the sound, whichever was the faster one here."""
    from voice_api.speech.whisper.compile.build import Build, are_tied, tell
    from voice_api.speech.whisper.compile.published import find_published
    from voice_api.speech.whisper.compile.sizes import read_sizes

    source = request.getfixturevalue("published")()
    sizes, weights = read_sizes(source), None
    weights = find_published(source).weights(sizes)
    for name in ("config.json", "generation_config.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    build = Build(weights, sizes, tmp_path, "fp32", are_tied(weights))
    about = {"attention": {"chosen": request.param}, "files": {}, "precision": "fp32"}
    about["alignment_heads"] = [list(head) for head in sizes.alignment_heads]
    build.put(build.write()[request.param], about)
    tell(tmp_path, about)
    return tmp_path


def test_beams_side_by_side_compute_what_each_computes_alone(hearing: Path, load: Load) -> None:
    encoder, decoder = load(hearing)
    heard, tokens = encoder.run(some_features(hearing, 400)), some_tokens(hearing, beams=3)
    together = decoder.begin(heard)
    parts = [tokens[:, :4], tokens[:, 4:5], tokens[:, 5:7], tokens[:, 7:8]]
    found = [together.feed(part, (0, -1)).copy() for part in parts]
    for beam in range(3):
        alone = decoder.begin(heard)
        for part, seen in zip(parts, found, strict=True):
            wanted = alone.feed(part[[beam]], (0, -1))
            assert np.abs(seen[beam] - wanted[0]).max() <= TOLERANCE


def test_kept_beams_go_on_from_what_they_remember(hearing: Path, load: Load) -> None:
    encoder, decoder = load(hearing)
    heard, tokens = encoder.run(some_features(hearing, 400)), some_tokens(hearing, beams=3)
    kept = decoder.begin(heard)
    kept.feed(tokens[:1, :3])
    kept.keep([0, 0, 0])
    kept.feed(tokens[:, 3:4])
    kept.keep([2, 0, 2, 1])
    kept.feed(tokens[[2, 0, 2, 1], 4:5])
    kept.keep([1, 3])
    found = kept.feed(tokens[[0, 1], 5:6])[:, 0].copy()
    for row, beam in enumerate((0, 1)):
        alone = decoder.begin(heard)
        path = np.concatenate([tokens[:1, :3], tokens[[beam], 3:6]], axis=1)
        assert np.abs(found[row] - alone.feed(path)[0, 0]).max() <= TOLERANCE


def test_only_wanted_positions_are_given_and_may_be_written_to(
    compiled: Callable[..., Path], load: Load
) -> None:
    encoder, decoder = load(compiled())
    tokens = some_tokens(compiled())
    decoding = decoder.begin(encoder.run(some_features(compiled(), 400)))
    every = decoding.feed(tokens, range(10)).copy()
    again = decoder.begin(encoder.run(some_features(compiled(), 400)))
    some = again.feed(tokens, (2, -1))
    assert some.shape == (1, 2, every.shape[2])
    assert np.array_equal(some[0], every[0, [2, 9]])
    some[:] = -np.inf
    assert np.isfinite(again.feed(tokens[:, :1])).all()


def test_attention_is_transformers_own(
    hearing: Path, published: Callable[..., Path], load: Load, original: Callable[[Path], Any]
) -> None:
    import torch

    encoder, decoder = load(hearing)
    features, tokens = some_features(hearing), some_tokens(hearing)
    decoding = decoder.begin(encoder.run(features))
    decoding.listen()
    for part in (tokens[:, :4], tokens[:, 4:5], tokens[:, 5:]):
        decoding.feed(part)
    found = decoding.attention()
    assert found is not None
    with torch.no_grad():
        heard = original(published())(
            torch.from_numpy(features), decoder_input_ids=torch.from_numpy(tokens), output_attentions=True
        ).cross_attentions
    pairs = json.loads((hearing / "generation_config.json").read_text())["alignment_heads"]
    wanted = np.stack([heard[layer][0, head].numpy() for layer, head in pairs])
    assert np.abs(found - wanted).max() <= 1e-5
    assert np.allclose(found.sum(axis=-1), 1.0, atol=1e-5)


def test_attention_is_that_of_the_beam_that_was_kept(compiled: Callable[..., Path], load: Load) -> None:
    encoder, decoder = load(compiled())
    heard, tokens = encoder.run(some_features(compiled(), 400)), some_tokens(compiled(), beams=2)
    both = decoder.begin(heard)
    both.listen()
    both.feed(tokens[:, :3])
    both.keep([1])
    both.feed(tokens[1:, 3:4])
    alone = decoder.begin(heard)
    alone.listen()
    alone.feed(tokens[1:, :4])
    found, wanted = both.attention(), alone.attention()
    assert found is not None
    assert wanted is not None
    assert np.abs(found - wanted).max() <= 1e-5


def test_a_model_that_names_no_heads_tells_no_attention(load: Load, tmp_path: Path) -> None:
    from voice_api.speech.whisper.compile.folder import CompileOptions, compile_folder

    source = Path(__file__).parents[2] / "voice_api" / "voice_api" / "models" / "embedded"
    compile_folder(source, tmp_path / "model", CompileOptions(), lambda _: None)
    encoder, decoder = load(tmp_path / "model")
    decoding = decoder.begin(encoder.run(some_features(source, 100)))
    decoding.listen()
    decoding.feed(np.array([[637]]))
    assert decoding.attention() is None


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_the_best_tokens_are_scored_as_the_exact_table_scores_them(
    precision: str, compiled: Callable[..., Path], load: Load
) -> None:
    folder = compiled(precision)
    encoder, decoder = load(folder)
    tokens = some_tokens(folder)
    decoding = decoder.begin(encoder.run(some_features(folder, 400)))
    logits = decoding.feed(tokens, range(10))[0]
    exact = decoding.states @ np.asarray(decoder.tokens, dtype=np.float32).T
    best = exact.argmax(axis=-1)
    assert np.array_equal(logits.argmax(axis=-1), best)
    rows = np.arange(10)
    assert np.abs(logits[rows, best] - exact[rows, best]).max() <= TOLERANCE
    assert not np.array_equal(logits, exact)


def test_a_decoding_in_a_room_that_another_left_computes_what_the_first_one_does(
    compiled: Callable[..., Path], load: Load
) -> None:
    encoder, decoder = load(compiled("int8"))
    heard = encoder.run(some_features(compiled("int8"), 400))
    other = encoder.run(some_features(compiled("int8"), 200))
    tokens = some_tokens(compiled("int8"), beams=2)

    def logits(sound: Any, rows: Any) -> list[np.ndarray]:  # type: ignore[type-arg]
        decoding = decoder.begin(sound)
        found = [decoding.feed(rows[:, :4], (0, -1)).copy(), decoding.feed(rows[:, 4:5]).copy()]
        decoding.end()
        return found

    first = logits(heard, tokens[:1])
    logits(other, tokens)
    again = logits(heard, tokens[:1])
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))


def test_a_room_that_is_left_twice_is_taken_by_one_decoding_only(
    compiled: Callable[..., Path], load: Load
) -> None:
    encoder, decoder = load(compiled("int8"))
    heard, tokens = encoder.run(some_features(compiled("int8"), 400)), some_tokens(compiled("int8"))
    left = decoder.begin(heard)
    left.end()
    left.end()
    one, other = decoder.begin(heard), decoder.begin(heard)
    found = one.feed(tokens[:, :4])
    before = found.copy()
    other.feed(tokens[:, 4:8])
    assert np.array_equal(found, before)


def test_tables_stay_on_disk(compiled: Callable[..., Path], load: Load) -> None:
    decoder = load(compiled("int8"))[1]
    for table in (decoder.tokens, decoder.positions):
        assert isinstance(table.base, np.memmap)
    assert decoder.tokens.dtype == np.float16


def test_a_language_keeps_what_it_is_written_with(
    published: Callable[..., Path], compiled: Callable[..., Path], load: Load
) -> None:
    folder = compiled("fp32", "en")
    whole = compiled("fp32")
    kept = kept_tokens(published(), "en")
    assert kept is not None
    features, tokens = some_features(folder, 400), some_tokens(folder)
    found, wanted = (
        decoder.begin(encoder.run(features)).feed(tokens, range(10))[0]
        for encoder, decoder in (load(folder), load(whole))
    )
    assert found.shape == wanted.shape
    assert np.array_equal(np.flatnonzero(np.isfinite(found[0])), kept)
    assert np.abs(found[:, kept] - wanted[:, kept]).max() <= TOLERANCE


def test_other_scripts_are_left_out_and_parts_of_letters_stay(
    tmp_path: Path, published: Callable[..., Path]
) -> None:
    from tokenizers import AddedToken, Tokenizer

    for name in ("config.json", "generation_config.json"):
        (tmp_path / name).write_bytes((published() / name).read_bytes())
    sizes = json.loads((tmp_path / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(published() / "tokenizer.json"))
    words = ["привет", "straße", "你好"]
    tokenizer.add_tokens([AddedToken(word, special=False) for word in words])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    ids = {word: tokenizer.token_to_id(word) for word in words}
    (tmp_path / "config.json").write_text(json.dumps(sizes | {"vocab_size": tokenizer.get_vocab_size()}))
    kept = {language: set(kept_tokens(tmp_path, language).tolist()) for language in ("de", "ru", "zh")}
    of = {language: {word for word in words if ids[word] in tokens} for language, tokens in kept.items()}
    assert of == {"de": {"straße"}, "ru": {"straße", "привет"}, "zh": {"straße", "你好"}}
    half_a_letter = tokenizer.token_to_id("Ð")
    assert all(half_a_letter in tokens for tokens in kept.values())


def test_an_unknown_language_is_refused_with_those_known(published: Callable[..., Path]) -> None:
    with pytest.raises(ModelFolderError) as refused:
        kept_tokens(published(), "xx")
    assert "'xx'" in refused.value.message
    assert "nl" in refused.value.fix
