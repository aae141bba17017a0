"""Draw the course of a training run: python voice_api/training/curve.py log.csv docs/embedded-model.svg"""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WIDTH, HEIGHT, MARGIN, SMOOTHED_ROWS = 640, 280, 44, 7
SERIES = (("words", "#1f6feb"), ("phonemes of frames", "#d9730d"))


@dataclass(frozen=True, slots=True)
class Point:
    """Thousands of clips heard since the beginning, and the two losses in nats."""

    thousands: float
    losses: tuple[float, float]


def read(place: Path) -> list[Point]:
    """Points of a log, each the mean of a few of its rows; a piece that was lost is left out."""
    kept: list[list[str]] = []
    with place.open() as file:
        for row in csv.reader(file):
            while kept and int(kept[-1][0]) >= int(row[0]):
                kept.pop()
            kept.append(row)
    values = np.array([[float(value) for value in row[2:5]] for row in kept])
    groups = [values[start : start + SMOOTHED_ROWS] for start in range(0, len(values), SMOOTHED_ROWS)]
    means = [group.mean(axis=0) for group in groups]
    return [Point(float(clips) / 1000, (float(words), float(frames))) for clips, words, frames in means]


def drawing(points: list[Point]) -> str:
    """An SVG with one line for each loss; axes in thousands of clips and in nats."""
    right, top = points[-1].thousands, 6.0

    def place(thousands: float, loss: float) -> str:
        x = MARGIN + (WIDTH - 2 * MARGIN) * thousands / right
        return f"{x:.1f},{HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * min(loss, top) / top:.1f}"

    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'font-family="sans-serif" font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        )
    ]
    for loss in range(0, 7, 2):
        x, y = place(0, loss).split(",")
        lines.append(f'<path d="M{x} {y}H{WIDTH - MARGIN}" stroke="#ddd"/><text x="20" y="{y}">{loss}</text>')
    for index, (name, colour) in enumerate(SERIES):
        path = " ".join(place(point.thousands, point.losses[index]) for point in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        lines.append(f'<text x="{WIDTH - 200}" y="{30 + 16 * index}" fill="{colour}">{name}, nats</text>')
    lines.append(f'<text x="{MARGIN}" y="{HEIGHT - 14}">0</text>')
    lines.append(f'<text x="{WIDTH - 160}" y="{HEIGHT - 14}">{right:.0f} thousand clips</text></svg>')
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(drawing(read(Path(sys.argv[1]))))
