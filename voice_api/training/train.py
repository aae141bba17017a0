"""Train the embedded model in resumable pieces.

python voice_api/training/train.py --minutes 90              the stable phase; again to go on
python voice_api/training/train.py --minutes 30 --decay      a decay branch, written to decayed.pt
"""

import argparse
import copy
import csv
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.multiprocessing as processes
from network import Network, Sizes
from optimise import Optimiser
from sounds import IGNORED, Batch, Studio, phoneme_classes
from tokens import VOCABULARY
from torch import Tensor, distributed
from torch.nn import functional

PLACE = Path.home() / ".cache/kvx/training"
WARM_UP_STEPS, SAVE_SECONDS, LOG_STEPS = 150, 120.0, 20
SMOOTHING, FRAME_WEIGHT, AVERAGE_STEPS = 0.1, 1.0, 250


@dataclass(frozen=True, slots=True)
class Run:
    minutes: float
    decay: bool
    scale: float
    source: Path
    target: Path
    processes: int
    port: int


def losses(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cross-entropy of tokens (smoothed) and of the phoneme of each frame."""
    tokens, frames = network(batch.features, batch.tokens)
    words = functional.cross_entropy(
        tokens.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED, label_smoothing=SMOOTHING
    )
    labels = batch.phonemes.flatten()
    kept = functional.cross_entropy(frames.flatten(0, 1), labels, ignore_index=IGNORED, reduction="sum")
    return words, kept / (labels != IGNORED).sum().clamp(min=1)


class Trainer:
    """One process of a run: its own sound, the same weights as the others."""

    def __init__(self, run: Run, rank: int) -> None:
        torch.manual_seed(0)
        self.run, self.rank = run, rank
        self.network = Network(Sizes(), len(phoneme_classes()))
        self.optimiser = Optimiser(self.network, rank, run.processes)
        self.steps, self.seconds, self.clips = 0, 0.0, 0
        self.average = copy.deepcopy(self.network.state_dict())
        if run.source.exists():
            self._resume()
        self.begun = self.steps
        self.studio = Studio(seed=1_000 * self.steps + rank + 17 * int(run.decay))

    def train(self) -> None:
        start = last = saved = time.monotonic()
        for batch in self.studio.batches():
            left = self._agree(1 - (time.monotonic() - start) / (60 * self.run.minutes))
            if left <= 0:
                break
            words, frames = losses(self.network, batch)
            (words + FRAME_WEIGHT * frames).backward()
            warmth = left if self.run.decay else min(1.0, (self.steps - self.begun + 1) / WARM_UP_STEPS)
            self.optimiser.step(self.run.scale * warmth)
            self.steps += 1
            self.clips += len(batch.tokens) * self.run.processes
            self._follow()
            now = time.monotonic()
            self.seconds, last = self.seconds + now - last, now
            if self.steps % LOG_STEPS == 0:
                self._log(words.detach(), frames.detach())
            if now - saved > SAVE_SECONDS:
                self._save()
                saved = now
        self._save()

    def _agree(self, left: float) -> float:
        """All processes stop at the same step and use the same rate."""
        if self.run.processes == 1:
            return left
        agreed = torch.tensor([left])
        distributed.broadcast(agreed, 0)
        return float(agreed)

    @torch.no_grad()
    def _follow(self) -> None:
        """A running average of the weights: nearly as good as decaying, at any time."""
        share = max(1 / AVERAGE_STEPS, 1 / (self.steps + 1))
        state = self.network.state_dict()
        torch._foreach_lerp_([self.average[name] for name in state], list(state.values()), share)

    def _log(self, words: Tensor, frames: Tensor) -> None:
        if self.rank == 0:
            row = (self.steps, round(self.seconds), self.clips, f"{float(words):.4f}", f"{float(frames):.4f}")
            with (PLACE / "log.csv").open("a") as file:
                csv.writer(file).writerow((*row, "decay" if self.run.decay else "stable"))

    def _save(self) -> None:
        if self.rank != 0:
            return
        partial = self.run.target.with_suffix(".partial")
        torch.save(
            {
                "network": self.network.state_dict(),
                "average": self.average,
                "optimiser": self.optimiser.state(),
                "steps": self.steps,
                "seconds": self.seconds,
                "clips": self.clips,
                "vocabulary": VOCABULARY,
            },
            partial,
        )
        partial.rename(self.run.target)

    def _resume(self) -> None:
        found = torch.load(self.run.source, weights_only=True)
        self.network.load_state_dict(found["network"])
        self.average = found["average"]
        if found["optimiser"]:
            self.optimiser.restore(found["optimiser"])
        self.steps, self.seconds, self.clips = found["steps"], found["seconds"], found["clips"]


def work(rank: int, run: Run) -> None:
    torch.set_num_threads(1)
    if run.processes > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(run.port)}
        distributed.init_process_group("gloo", rank=rank, world_size=run.processes)
    Trainer(run, rank).train()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--decay", action="store_true")
    parser.add_argument("--source", type=Path, default=PLACE / "stable.pt", help="checkpoint to go on from")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full rates to begin with")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--port", type=int, default=29_517)
    chosen = parser.parse_args()
    target = PLACE / ("decayed.pt" if chosen.decay else "stable.pt")
    PLACE.mkdir(parents=True, exist_ok=True)
    run = Run(
        chosen.minutes, chosen.decay, chosen.scale, chosen.source, target, chosen.processes, chosen.port
    )
    processes.spawn(work, (run,), run.processes)


if __name__ == "__main__":
    main()
