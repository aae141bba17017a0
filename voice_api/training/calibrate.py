"""Fit the confidence of a model folder, and choose the threshold below which a sentence is asked back.

python voice_api/training/calibrate.py [FOLDER]     writes confidence.json

Fitted to unseen espeak-ng voices, clean, in noise and with unseen names, and to festival's kal, all with
other texts than evaluate.py uses. The threshold is chosen on kal alone, by fits that have not seen the clip
in question; ked and slt are never seen here.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from evaluate import Result, listen
from exam import espeak_clips, festival_clips, with_noise
from folder import PLACE
from numpy.typing import NDArray

from voice_api.speech.whisper.engine import load_whisper

SEED = 77_000
PROMISED_RIGHT, DEVIATIONS = 0.95, 1.0
"""The share is promised with five chances in six, as far as the number of clips goes."""

RIDGE, FOLDS = 3.0, 6
NAMES = (
    "mean_log_probability",
    "minimum_log_probability",
    "mean_margin",
    "minimum_margin",
    "mean_entropy",
    "maximum_entropy",
    "unsure_share",
    "tokens_per_second",
)
Matrix = NDArray[np.float64]


def table(results: list[Result]) -> tuple[Matrix, Matrix]:
    """Statistics [clips, names] and whether each clip was right [clips]; clips without text are left out."""
    heard = [result for result in results if result.heard]
    rows = [[asdict(result.statistics)[name] for name in NAMES] for result in heard]
    return np.array(rows), np.array([float(result.right) for result in heard])


def fit(statistics: Matrix, right: Matrix) -> tuple[float, dict[str, float]]:
    """Logistic regression by Newton's method; the ridge is on standardised statistics."""
    mean, spread = statistics.mean(axis=0), statistics.std(axis=0) + 1e-9
    design = np.hstack([np.ones((len(right), 1)), (statistics - mean) / spread])
    ridge = np.diag([0.0] + [RIDGE] * len(NAMES))
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (probability - right) + ridge @ weights
        curve = design.T @ (design * (probability * (1 - probability))[:, None]) + ridge
        weights -= np.linalg.solve(curve, slope)
    scaled = weights[1:] / spread
    return float(weights[0] - scaled @ mean), dict(zip(NAMES, map(float, scaled), strict=True))


def lowest_threshold(confidence: Matrix, right: Matrix) -> float:
    """The lowest confidence such that what is at least as sure keeps the promise."""
    order = np.argsort(-confidence)
    clips = np.arange(1, len(right) + 1)
    good = np.flatnonzero(pessimistic(np.cumsum(right[order]) / clips, clips) >= PROMISED_RIGHT)
    return float(confidence[order[good[-1]]]) if len(good) else 1.0


def pessimistic(share: Matrix, clips: Matrix) -> Matrix:
    """The lower end of Wilson's interval for a share of so many clips."""
    square = DEVIATIONS**2
    spread = DEVIATIONS * np.sqrt(share * (1 - share) / clips + square / (4 * clips**2))
    return np.asarray((share + square / (2 * clips) - spread) / (1 + square / clips))


def unseen_confidences(known: list[Result], kal: list[Result]) -> Matrix:
    """The confidence of each clip of kal by a fit to all others but a sixth of kal with it."""
    found = np.zeros(len(table(kal)[0]))
    statistics, right = table(kal)
    others, others_right = table(known)
    for fold in range(FOLDS):
        left_out = np.arange(len(right)) % FOLDS == fold
        bias, weights = fit(
            np.vstack([others, statistics[~left_out]]), np.concatenate([others_right, right[~left_out]])
        )
        found[left_out] = confidences(statistics[left_out], bias, weights)
    return found


def confidences(statistics: Matrix, bias: float, weights: dict[str, float]) -> Matrix:
    score = bias + statistics @ np.array([weights[name] for name in NAMES])
    return np.asarray(1 / (1 + np.exp(-score)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=PLACE)
    parser.add_argument("--clips", type=int, default=600, help="per group")
    chosen = parser.parse_args()
    (chosen.folder / "confidence.json").unlink(missing_ok=True)
    engine = load_whisper(chosen.folder, threads=1)
    spoken = espeak_clips(SEED, chosen.clips)
    kal = listen(engine, festival_clips(SEED + 1, chosen.clips, "kal_diphone"))
    kal += listen(engine, festival_clips(SEED + 2, chosen.clips // 2, "kal_diphone", "unseen"))
    known = listen(engine, spoken) + listen(engine, with_noise(spoken, SEED + 3, 10.0))
    known += listen(engine, espeak_clips(SEED + 4, chosen.clips // 2, "unseen"))
    bias, weights = fit(*table(known + kal))
    right, confidence = table(kal)[1], unseen_confidences(known, kal)
    threshold = lowest_threshold(confidence, right)
    document = {"bias": round(bias, 4), "weights": {name: round(value, 5) for name, value in weights.items()}}
    document |= {"threshold": round(threshold, 4)}
    (chosen.folder / "confidence.json").write_text(json.dumps(document, indent=2) + "\n")
    sure = confidence >= threshold
    print(
        f"threshold {threshold:.3f}: {sure.mean():.1%} of kal accepted, {right[sure].mean():.1%} of it right"
    )


if __name__ == "__main__":
    main()
