"""Write a Whisper of transformers as a Hugging Face ONNX folder, and check it against the original.

python voice_api/training/export.py CHECKPOINT FOLDER --suffix _int8 --dynamic
"""

import argparse
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from graph_writer import GraphWriter, Shape, Weights
from numpy.typing import NDArray
from transformers import WhisperForConditionalGeneration
from whisper_graph import decoder_graph, encoder_graph, merged_graph, model_of

from voice_api.speech.runtime import open_session

SUFFIXES = ("", "_int8")
GRAPHS = ("encoder_model", "decoder_model", "decoder_with_past_model", "decoder_model_merged")
LARGEST_EXACT_DEVIATION = 1e-3
THREADS = 2


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far the logits of a written folder are from torch."""

    largest: float
    spread: float
    same_choice: float

    def __str__(self) -> str:
        return (
            f"largest difference {self.largest:.2g} at a spread of {self.spread:.2g}, "
            f"same first choice {self.same_choice:.1%}"
        )


def export(
    model: WhisperForConditionalGeneration,
    folder: Path,
    *,
    suffixes: Iterable[str] = SUFFIXES,
    graphs: Iterable[str] = GRAPHS,
    in_root: bool = False,
    dynamic: bool = True,
) -> None:
    """Write the named graphs, config.json and generation_config.json; the caller adds the rest.

    suffixes  "" is fp32, "_int8" has int8 products and an fp16 embedding
    in_root   graphs lie beside config.json instead of in onnx/
    dynamic   the encoder takes any number of frames up to its table of positions
    """
    place = folder if in_root else folder / "onnx"
    place.mkdir(parents=True, exist_ok=True)
    for suffix in suffixes:
        for name in graphs:
            written = model_of(graph_of(model, name, suffix == "_int8", dynamic))
            onnx.save(written, str(place / f"{name}{suffix}.onnx"))
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)


def graph_of(model: WhisperForConditionalGeneration, name: str, int8: bool, dynamic: bool) -> onnx.GraphProto:
    weights = weights_of(model)
    if name == "encoder_model":
        shape = shape_of(model, "encoder")
        writer = GraphWriter(weights, shape, int8)
        return encoder_graph(writer, "frames" if dynamic else 2 * shape.source_positions)
    shape = shape_of(model, "decoder")
    if name == "decoder_model_merged":
        first = GraphWriter(weights, shape, int8, "first/")
        return merged_graph(first, GraphWriter(weights, shape, int8, "later/", first.stored))
    return decoder_graph(GraphWriter(weights, shape, int8), with_past=name == "decoder_with_past_model")


def weights_of(model: WhisperForConditionalGeneration) -> Weights:
    """Every weight by its name below `model.`; proj_out only where it is not the embedding."""
    tied = model.proj_out.weight.data_ptr() == model.model.decoder.embed_tokens.weight.data_ptr()
    return {
        name.removeprefix("model."): value.detach().to(torch.float32).cpu().numpy()
        for name, value in model.state_dict().items()
        if not (tied and name == "proj_out.weight")
    }


def shape_of(model: WhisperForConditionalGeneration, side: str) -> Shape:
    config = model.config
    if config.activation_function != "gelu":
        raise SystemExit(f"export writes gelu models only, this one has {config.activation_function}")
    return Shape(
        d_model=config.d_model,
        heads=getattr(config, f"{side}_attention_heads"),
        layers=getattr(config, f"{side}_layers"),
        bins=config.num_mel_bins,
        source_positions=config.max_source_positions,
        vocab_size=config.vocab_size,
    )


def deviation(model: WhisperForConditionalGeneration, place: Path, suffix: str) -> Deviation:
    """Compare a merged decoder, prefill and step by step, with torch on random features and tokens."""
    random = np.random.default_rng(0)
    features = random.normal(0, 0.5, (1, model.config.num_mel_bins, 2 * model.config.max_source_positions))
    tokens = random.integers(0, model.config.vocab_size, (1, 12))
    found = folder_logits(model, place, suffix, features.astype(np.float32), tokens)
    with torch.no_grad():
        expected = model(
            input_features=torch.from_numpy(features).float(), decoder_input_ids=torch.from_numpy(tokens)
        ).logits.numpy()
    return Deviation(
        largest=float(np.abs(found - expected).max()),
        spread=float(expected.std()),
        same_choice=float((found.argmax(-1) == expected.argmax(-1)).mean()),
    )


def folder_logits(
    model: WhisperForConditionalGeneration,
    place: Path,
    suffix: str,
    features: NDArray[np.float32],
    tokens: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Logits of a written folder: half of the tokens at once, the rest one by one."""
    encoder = open_session(place / f"encoder_model{suffix}.onnx", THREADS)
    decoder = open_session(place / f"decoder_model_merged{suffix}.onnx", THREADS)
    hidden = encoder.run(None, {"input_features": features})[0]
    shape = shape_of(model, "decoder")
    past = {
        entry.name: np.zeros((1, shape.heads, 0, shape.head_size), dtype=np.float32)
        for entry in decoder.get_inputs()
        if entry.name.startswith("past_key_values")
    }
    names = [entry.name.replace("present", "past_key_values") for entry in decoder.get_outputs()[1:]]
    half = tokens.shape[1] // 2
    found: list[NDArray[np.float32]] = []
    for step in (tokens[:, :half], *np.split(tokens[:, half:], tokens.shape[1] - half, axis=1)):
        feeds = {"input_ids": step, "encoder_hidden_states": hidden, **past}
        logits, *present = decoder.run(None, {**feeds, "use_cache_branch": np.array([bool(found)])})
        fresh = dict(zip(names, present, strict=True))
        past |= fresh if not found else {name: fresh[name] for name in names if ".decoder." in name}
        found.append(logits)
    return np.concatenate(found, axis=1)


def main(words: Sequence[str] | None = None) -> None:
    arguments = argument_parser().parse_args(words)
    model = WhisperForConditionalGeneration.from_pretrained(arguments.checkpoint)
    model.train(False)
    export(
        model,
        arguments.folder,
        suffixes=arguments.suffix,
        in_root=arguments.root,
        dynamic=arguments.dynamic,
    )
    for name in ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"):
        if (arguments.checkpoint / name).exists():
            shutil.copy(arguments.checkpoint / name, arguments.folder / name)
    place = arguments.folder if arguments.root else arguments.folder / "onnx"
    for suffix in arguments.suffix:
        measured = deviation(model, place, suffix)
        print(f"logits of {suffix or 'fp32'}: {measured}")
        if not suffix and measured.largest > LARGEST_EXACT_DEVIATION:
            raise SystemExit("the written folder does not compute what the model computes")


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="folder of a transformers Whisper")
    parser.add_argument("folder", type=Path, help="folder to write")
    parser.add_argument("--suffix", choices=SUFFIXES, nargs="+", default=SUFFIXES)
    parser.add_argument("--root", action="store_true", help="graphs beside config.json, not in onnx/")
    parser.add_argument("--dynamic", action="store_true", help="encoder takes any number of frames")
    return parser


if __name__ == "__main__":
    main()
