"""Whisper in plain torch, with the weight names of transformers, and a frame head for training only."""

import math
from dataclasses import dataclass

import torch
from half import HalfLinear
from tokens import VOCABULARY
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Sizes:
    """Positions are encoder frames of 40 ms (hop 320, stride 2) and decoder tokens."""

    width: int = 160
    heads: int = 5
    encoder_layers: int = 5
    decoder_layers: int = 3
    bins: int = 80
    source_positions: int = 250
    target_positions: int = 96


class Attention(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.q_proj = HalfLinear(sizes.width, sizes.width)
        self.k_proj = HalfLinear(sizes.width, sizes.width, bias=False)
        self.v_proj = HalfLinear(sizes.width, sizes.width)
        self.out_proj = HalfLinear(sizes.width, sizes.width)

    def forward(self, states: Tensor, source: Tensor, causal: bool = False) -> Tensor:
        projected = self.q_proj(states), self.k_proj(source), self.v_proj(source)
        split = [self._split(projection) for projection in projected]
        mixed = functional.scaled_dot_product_attention(*split, is_causal=causal)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def _split(self, states: Tensor) -> Tensor:
        return states.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):
    """Pre-norm; with `crossed` it also looks at the encoder."""

    def __init__(self, sizes: Sizes, crossed: bool) -> None:
        super().__init__()
        self.self_attn = Attention(sizes)
        self.self_attn_layer_norm = nn.LayerNorm(sizes.width)
        if crossed:
            self.encoder_attn = Attention(sizes)
            self.encoder_attn_layer_norm = nn.LayerNorm(sizes.width)
        self.fc1 = HalfLinear(sizes.width, 4 * sizes.width)
        self.fc2 = HalfLinear(4 * sizes.width, sizes.width)
        self.final_layer_norm = nn.LayerNorm(sizes.width)

    def forward(self, states: Tensor, encoded: Tensor | None = None) -> Tensor:
        normed = self.self_attn_layer_norm(states)
        states = states + self.self_attn(normed, normed, causal=encoded is not None)
        if encoded is not None:
            states = states + self.encoder_attn(self.encoder_attn_layer_norm(states), encoded)
        return states + self.fc2(functional.gelu(self.fc1(self.final_layer_norm(states))))


class Encoder(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(sizes.bins, sizes.width, 3, padding=1)
        self.conv2 = nn.Conv1d(sizes.width, sizes.width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(sizes.source_positions, sizes.width)
        self.embed_positions.weight = nn.Parameter(sinusoids(sizes.source_positions, sizes.width), False)
        self.layers = nn.ModuleList(Layer(sizes, crossed=False) for _ in range(sizes.encoder_layers))
        self.layer_norm = nn.LayerNorm(sizes.width)

    def forward(self, features: Tensor) -> Tensor:
        states = functional.gelu(self.conv2(functional.gelu(self.conv1(features)))).transpose(1, 2)
        states = states + self.embed_positions.weight[: states.shape[1]]
        for layer in self.layers:
            states = layer(states)
        return self.layer_norm(states)


class Decoder(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCABULARY, sizes.width)
        self.embed_positions = nn.Embedding(sizes.target_positions, sizes.width)
        self.layers = nn.ModuleList(Layer(sizes, crossed=True) for _ in range(sizes.decoder_layers))
        self.layer_norm = nn.LayerNorm(sizes.width)
        nn.init.normal_(self.embed_tokens.weight, std=0.05)
        nn.init.normal_(self.embed_positions.weight, std=0.02)

    def forward(self, tokens: Tensor, encoded: Tensor) -> Tensor:
        states = self.embed_tokens(tokens) + self.embed_positions.weight[: tokens.shape[1]]
        for layer in self.layers:
            states = layer(states, encoded)
        return functional.linear(self.layer_norm(states), self.embed_tokens.weight)


class Network(nn.Module):
    """The model and, beside it, a head that names the phoneme of every frame; it is not exported."""

    def __init__(self, sizes: Sizes, phonemes: int) -> None:
        super().__init__()
        self.encoder = Encoder(sizes)
        self.decoder = Decoder(sizes)
        self.frame_head = HalfLinear(sizes.width, phonemes)

    def forward(self, features: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """features [batch, bins, frames], tokens [batch, length]: logits of tokens, logits of frames."""
        encoded = self.encoder(features)
        return self.decoder(tokens, encoded), self.frame_head(encoded)


def sinusoids(length: int, channels: int) -> Tensor:
    """Whisper's encoder positions: sines, then cosines, of rates falling from 1 to 1/10000."""
    step = math.log(10_000.0) / (channels // 2 - 1)
    rates = torch.exp(-step * torch.arange(channels // 2))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
