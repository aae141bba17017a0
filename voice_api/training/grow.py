"""Give a smaller checkpoint the layers that `Sizes` has by now; what it hears stays the same at first.

python voice_api/training/grow.py SMALLER LARGER

A new layer comes last and adds nothing, because the matrices at the end of its branches are zero. The
momenta of the optimiser do not fit any more and are left out; train.py then warms up anew.
"""

import sys
from pathlib import Path

import torch
from network import Network, Sizes
from sounds import phoneme_classes
from torch import Tensor

ENDS = ("out_proj.weight", "out_proj.bias", "fc2.weight", "fc2.bias")


def grown(smaller: dict[str, Tensor]) -> dict[str, Tensor]:
    larger = Network(Sizes(), len(phoneme_classes())).state_dict()
    for name in larger:
        if name in smaller:
            larger[name] = smaller[name]
        elif name.endswith(ENDS):
            larger[name] = torch.zeros_like(larger[name])
    return larger


def main(source: Path, target: Path) -> None:
    torch.manual_seed(0)
    found = torch.load(source, weights_only=True)
    weights = grown(found["network"])
    average = weights | found["average"]
    torch.save(found | {"network": weights, "average": average, "optimiser": None}, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
