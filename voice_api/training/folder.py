"""Turn a training checkpoint into the model folder that voice-api ships.

python voice_api/training/folder.py CHECKPOINT ... [--weights average] [--folder FOLDER]
"""

import argparse
import json
import shutil
from pathlib import Path

import tokens
import torch
from export import deviation, export
from features import SETTINGS
from network import Sizes
from torch import Tensor
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

PLACE = Path(__file__).parents[1] / "voice_api/models/embedded"
SUFFIX = "_int8"
GRAPHS = ("encoder_model", "decoder_model_merged")


def whisper_of(network: dict[str, Tensor], sizes: Sizes) -> WhisperForConditionalGeneration:
    """The same weights in the transformers implementation; the frame head stays behind."""
    config = WhisperConfig(
        vocab_size=tokens.VOCABULARY,
        num_mel_bins=sizes.bins,
        d_model=sizes.width,
        encoder_layers=sizes.encoder_layers,
        decoder_layers=sizes.decoder_layers,
        encoder_attention_heads=sizes.heads,
        decoder_attention_heads=sizes.heads,
        encoder_ffn_dim=4 * sizes.width,
        decoder_ffn_dim=4 * sizes.width,
        max_source_positions=sizes.source_positions,
        max_target_positions=sizes.target_positions,
        decoder_start_token_id=tokens.START,
        bos_token_id=tokens.END,
        eos_token_id=tokens.END,
        pad_token_id=tokens.END,
        suppress_tokens=[],
        begin_suppress_tokens=[],
        tie_word_embeddings=True,
    )
    model = WhisperForConditionalGeneration(config)
    weights = {f"model.{name}": value for name, value in network.items() if not name.startswith("frame_head")}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if set(missing) - {"proj_out.weight"} or unexpected:
        raise SystemExit(f"weights do not fit: {missing} are missing, {unexpected} are too many")
    model.tie_weights()
    model.generation_config = GenerationConfig(
        decoder_start_token_id=tokens.START,
        bos_token_id=tokens.END,
        eos_token_id=tokens.END,
        pad_token_id=tokens.END,
        no_timestamps_token_id=tokens.NO_TIMESTAMPS,
        suppress_tokens=[tokens.START, tokens.NO_SPEECH, tokens.NO_TIMESTAMPS],
        begin_suppress_tokens=[],
        is_multilingual=False,
        max_length=sizes.target_positions,
        return_timestamps=False,
    )
    return model.eval()


def write_folder(network: dict[str, Tensor], folder: Path) -> None:
    """Every file but README.md and confidence.json, which people and calibrate.py write."""
    folder.mkdir(parents=True, exist_ok=True)
    model = whisper_of(network, Sizes())
    export(model, folder, suffixes=(SUFFIX,), graphs=GRAPHS)
    print(f"logits of {SUFFIX}: {deviation(model, folder / 'onnx', SUFFIX)}")
    shutil.copy(tokens.PLACE, folder / "tokenizer.json")
    special = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    tokenizer = {
        **special,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": Sizes().target_positions,
    }
    features = {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": SETTINGS.bins,
        "n_fft": SETTINGS.window_length,
        "hop_length": SETTINGS.hop_length,
        "chunk_length": int(SETTINGS.chunk_seconds),
        "n_samples": SETTINGS.chunk_samples,
        "nb_max_frames": SETTINGS.chunk_frames,
        "sampling_rate": 16_000,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }
    for name, content in (
        ("special_tokens_map", special),
        ("tokenizer_config", tokenizer),
        ("preprocessor_config", features),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="of several the mean of their weights")
    parser.add_argument("--weights", choices=("network", "average"), default="network")
    parser.add_argument("--folder", type=Path, default=PLACE)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    networks = [torch.load(place, weights_only=True)[chosen.weights] for place in chosen.checkpoints]
    mean = {name: sum(network[name] for network in networks) / len(networks) for name in networks[0]}
    write_folder(mean, chosen.folder)


if __name__ == "__main__":
    main()
