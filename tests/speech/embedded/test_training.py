"""What training computes is what the product computes: features and network."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3] / "voice_api" / "training"))

import torch
from features import SETTINGS, LogMel
from folder import whisper_of
from network import Network, Sizes
from tokens import VOCABULARY

from voice_api.speech.whisper.features import log_mel


def test_features_of_a_batch_equal_those_of_the_product() -> None:
    random = np.random.default_rng(1)
    loudness = np.array([[0.3], [0.01], [0.0]])
    sounds = (random.normal(size=(3, 320 * 100)) * loudness).astype(np.float32)
    found = LogMel()(torch.from_numpy(sounds)).numpy()
    for row, sound in zip(found, sounds, strict=True):
        assert np.abs(row - log_mel(sound, SETTINGS, 100)[0]).max() < 1e-4


@torch.no_grad()
def test_the_network_computes_what_transformers_computes() -> None:
    torch.manual_seed(3)
    network = Network(Sizes(), phonemes=10).eval()
    for weight in network.parameters():
        weight.add_(0.02 * torch.randn_like(weight))  # biases and norms too, which begin as zeros and ones
    features, tokens = torch.randn(2, 80, 500), torch.randint(0, VOCABULARY, (2, 9))
    expected = whisper_of(network.state_dict(), Sizes())(input_features=features, decoder_input_ids=tokens)
    assert (network(features, tokens)[0] - expected.logits).abs().max() < 1e-3
