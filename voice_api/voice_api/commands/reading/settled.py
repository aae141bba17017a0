"""Words that are what they are: none of them is ever taken for another one that was misheard."""

from voice_api.commands.normalise import TENS, UNITS

# They deny, except, condition, take back, or say who did it and whether.
DENYING = frozenset({"not", "no", "never", "nothing", "none", "unless", "if", "except", "without",
                     "until", "when", "while", "but", "whether", "instead", "dont", "or", "and",
                     "then", "only"})  # fmt: skip
TAKING_BACK = frozenset({"wait", "sorry", "actually", "rather", "correction", "cancel", "abort", "forget",
                         "mind", "leave", "mean", "meant", "scratch"})  # fmt: skip
PEOPLE = frozenset({"he", "she", "they", "who", "you", "somebody", "someone", "should", "might", "would",
                    "could", "will", "must", "may", "did", "had", "why", "how", "what", "which"})  # fmt: skip
NUMBERS = frozenset({*UNITS, *TENS, "hundred", "thousand", "dozen", "half"})
SETTLED = DENYING | TAKING_BACK | PEOPLE | NUMBERS
