"""The model's own byte-level BPE: any text encodes, and common words are one token.

python voice_api/training/tokens.py    writes voice_api/training/tokenizer.json
"""

import random
from pathlib import Path

from phrases import training_phrase
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

PLACE = Path(__file__).parent / "tokenizer.json"
VOCABULARY = 640
SPECIAL = ("<|endoftext|>", "<|startoftranscript|>", "<|nospeech|>", "<|notimestamps|>")
END, START, NO_SPEECH, NO_TIMESTAMPS = range(VOCABULARY - len(SPECIAL), VOCABULARY)
"""Special tokens are the last: whatever follows no-timestamps would be taken for a moment in time."""


def trained_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    chance = random.Random(0)
    texts = (" " + training_phrase(chance).written for _ in range(30_000))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
    return tokenizer


def load_tokenizer(dropout: float | None = None) -> Tokenizer:
    """dropout: share of merges left out, so that the decoder learns to spell."""
    tokenizer = Tokenizer.from_file(str(PLACE))
    tokenizer.model.dropout = dropout
    return tokenizer


if __name__ == "__main__":
    trained_tokenizer().save(str(PLACE))
