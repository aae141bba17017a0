"""Makes Hugging Face Whisper folders with random weights, and keeps them: `make_folder.py --help`.

The architecture, file names and tokens are the real ones; only the weights are drawn, from a seed. Each
folder carries the same model as a transformers checkpoint in reference/, to compare with.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
TRAINING = ROOT / "voice_api" / "training"
SOURCES = (
    Path(__file__),
    *(TRAINING / name for name in ("export.py", "graph_writer.py", "whisper_graph.py")),
)
CACHE = Path.home() / ".cache" / "kvx" / "components" / "whisper"
GRAPHS = ("encoder_model", "decoder_model", "decoder_with_past_model", "decoder_model_merged")
FEW_LANGUAGES = ("en", "nl", "de", "fr")
LONGEST_TEXT = 48
EXTERNAL_FROM_BYTES = 1024

sys.path.insert(0, str(TRAINING))


@dataclass(frozen=True, slots=True)
class Size:
    """Widths and depths; `alignment_heads` are (layer, head) pairs of the decoder."""

    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    alignment_heads: tuple[tuple[int, int], ...]
    longest_text: int = 448
    published: bool = True


SIZES = {
    "small": Size(64, 2, 2, 2, ((0, 1), (1, 0), (1, 1)), LONGEST_TEXT, published=False),
    "tiny": Size(384, 6, 4, 4, ((2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5))),
    "base": Size(512, 8, 6, 6, ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6))),
    "turbo": Size(640, 10, 3, 2, ((0, 4), (1, 2), (1, 9))),
}
"""tiny and base are as published; turbo is large-v3-turbo cut in width and depth: few decoder layers."""


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """What a folder is like; the defaults are a small multilingual Whisper in the onnx/ layout.

    size  "small" is quick; the others have the published vocabulary, tiny and base all published sizes
    chunk_seconds, hop_length  30 and 160 as published, or less as in the embedded model
    dynamic  the encoder takes any number of frames
    suffixes  "" is fp32, "_fp16" half precision with fp32 at the border, "_int8" as the training writes it
    external  weights lie in .onnx_data files beside the graphs
    """

    multilingual: bool = True
    timestamps: bool = True
    bins: int = 80
    size: str = "small"
    chunk_seconds: int = 30
    hop_length: int = 160
    dynamic: bool = False
    in_root: bool = False
    suffixes: tuple[str, ...] = ("",)
    graphs: tuple[str, ...] = GRAPHS
    external: bool = False
    seed: int = 0

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes in the order of their tokens; large-v3 was the first to know the hundredth."""
        from transformers.models.whisper.tokenization_whisper import LANGUAGES

        published = tuple(LANGUAGES)[: 100 if self.bins == 128 else 99]
        return published if SIZES[self.size].published else FEW_LANGUAGES


def folder_for(options: FolderOptions, cache: Path = CACHE) -> Path:
    """The folder for these options, made unless it is there; safe to ask for from several processes."""
    contents = b"".join(source.read_bytes() for source in SOURCES)
    key = hashlib.sha256(contents + json.dumps(asdict(options)).encode()).hexdigest()[:20]
    folder = cache / key
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=cache))
        write_folder(making, options)
        try:
            making.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(making)
    return folder


def write_folder(folder: Path, options: FolderOptions) -> None:
    from export import export
    from transformers import WhisperFeatureExtractor

    tokens = write_tokenizer(folder / "tokenizer.json", options)
    model = random_model(tokens, options)
    model.save_pretrained(folder / "reference")
    written = [suffix for suffix in options.suffixes if suffix != "_fp16"]
    layout = {"graphs": options.graphs, "in_root": options.in_root, "dynamic": options.dynamic}
    export(model, folder, suffixes=written or [""], **layout)
    if "_fp16" in options.suffixes:
        halve(folder, keep="" in written)
    if options.external:
        move_weights_out(folder)
    WhisperFeatureExtractor(
        feature_size=options.bins, hop_length=options.hop_length, chunk_length=options.chunk_seconds
    ).save_pretrained(folder)


def halve(folder: Path, keep: bool) -> None:
    """Write *_fp16.onnx beside every fp32 graph with onnxruntime's own converter, or in its place."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    for path in [path for path in folder.rglob("*.onnx") if not path.stem.endswith("_int8")]:
        half = convert_float_to_float16(onnx.load(path), keep_io_types=True)
        onnx.save(half, str(path.with_name(f"{path.stem}_fp16.onnx")))
        if not keep:
            path.unlink()


def move_weights_out(folder: Path) -> None:
    """Save every graph again with its weights beside it, as large models are published."""
    import onnx

    for path in list(folder.rglob("*.onnx")):
        onnx.save(
            onnx.load(path),
            str(path),
            save_as_external_data=True,
            location=f"{path.name}_data",
            size_threshold=EXTERNAL_FROM_BYTES,
        )


def write_tokenizer(path: Path, options: FolderOptions) -> dict[str, int]:
    """A byte-level BPE with Whisper's special tokens in Whisper's order; returns their ids."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    words = ["how many pods are not ready", "list the deployments in the namespace", "scale it to three"]
    tokenizer.train_from_iterator(words * 4, trainer)
    if SIZES[options.size].published:
        texts = 50_257 if options.multilingual else 50_256  # as in the published vocabularies
        tokenizer.add_tokens([f"word{index}" for index in range(texts - tokenizer.get_vocab_size())])
    names = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in options.languages)]
    names += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    tokenizer.add_special_tokens([*names, *(["<|notimestamps|>"] if options.timestamps else [])])
    if options.timestamps:
        moments = [
            f"<|{hundredths / 100:.2f}|>" for hundredths in range(0, options.chunk_seconds * 100 + 1, 2)
        ]
        tokenizer.add_tokens([AddedToken(moment, special=False) for moment in moments])
    tokenizer.save(str(path))
    ids: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    return ids


def random_model(tokens: dict[str, int], options: FolderOptions):  # type: ignore[no-untyped-def]  # torch is heavy
    """A Whisper whose weights are large enough that its text changes with the sound."""
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(options.seed)
    size = SIZES[options.size]
    end, start = tokens["<|endoftext|>"], tokens["<|startoftranscript|>"]
    config = WhisperConfig(
        vocab_size=len(tokens),
        num_mel_bins=options.bins,
        d_model=size.width,
        encoder_layers=size.encoder_layers,
        decoder_layers=size.decoder_layers,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        encoder_ffn_dim=4 * size.width,
        decoder_ffn_dim=4 * size.width,
        max_source_positions=options.chunk_seconds * 8_000 // options.hop_length,
        decoder_start_token_id=start,
        eos_token_id=end,
        bos_token_id=end,
        pad_token_id=end,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() >= 2 and "embed" not in name:
                weight.normal_(0.0, 1.5 * weight[0].numel() ** -0.5)
        model.model.decoder.embed_tokens.weight.normal_(0.0, 0.3)
        model.model.decoder.embed_positions.weight.normal_(0.0, 0.3)
        model.model.decoder.embed_tokens.weight[end] *= 1.3
    model.generation_config = GenerationConfig(**generation_settings(tokens, options))
    model.train(False)
    return model


def generation_settings(tokens: dict[str, int], options: FolderOptions) -> dict[str, object]:
    end, start = tokens["<|endoftext|>"], tokens["<|startoftranscript|>"]
    settings: dict[str, object] = {
        "decoder_start_token_id": start,
        "eos_token_id": end,
        "bos_token_id": end,
        "pad_token_id": end,
        "max_length": SIZES[options.size].longest_text,
        "alignment_heads": [list(head) for head in SIZES[options.size].alignment_heads],
        "is_multilingual": options.multilingual,
        "begin_suppress_tokens": [tokens["Ġ"], end],
        "suppress_tokens": [1, 2, 7, start, tokens["<|startoflm|>"], tokens["<|startofprev|>"]],
        "return_timestamps": False,
    }
    if options.timestamps:
        settings |= {
            "no_timestamps_token_id": tokens["<|notimestamps|>"],
            "max_initial_timestamp_index": 50,
        }
    if options.multilingual:
        settings["lang_to_id"] = {f"<|{code}|>": tokens[f"<|{code}|>"] for code in options.languages}
        settings["task_to_id"] = {name: tokens[f"<|{name}|>"] for name in ("transcribe", "translate")}
    return settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--english", action="store_true", help="no language and task tokens, as .en models")
    parser.add_argument("--bins", type=int, choices=(80, 128), default=80)
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument("--root", action="store_true", help="graphs beside config.json, not in onnx/")
    parser.add_argument("--int8", action="store_true", help="int8 graphs beside the fp32 ones")
    parser.add_argument("--fp16", action="store_true", help="half precision graphs beside the fp32 ones")
    parser.add_argument("--external", action="store_true", help="weights in .onnx_data files")
    arguments = parser.parse_args()
    options = FolderOptions(
        multilingual=not arguments.english,
        bins=arguments.bins,
        size=arguments.size,
        in_root=arguments.root,
        suffixes=("", *("_int8",) * arguments.int8, *("_fp16",) * arguments.fp16),
        external=arguments.external,
    )
    print(folder_for(options))


if __name__ == "__main__":
    main()
