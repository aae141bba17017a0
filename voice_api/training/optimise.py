"""Muon for the matrices, AdamW for the rest, over several processes that share the work."""

import torch
from network import Network
from torch import Tensor, distributed, nn

MUON_RATE, ADAM_RATE = 0.02, 1.5e-3
MOMENTUM, DECAY = 0.95, 0.02


class Optimiser:
    """Each process orthogonalises its share of the matrices; the shares are then exchanged."""

    def __init__(self, network: Network, rank: int, processes: int) -> None:
        self._rank, self._processes = rank, processes
        named = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
        self._all = [weight for _, weight in named]
        self._matrices = [weight for name, weight in named if ".layers." in name and weight.ndim == 2]
        chosen = {id(weight) for weight in self._matrices}
        rest = [weight for weight in self._all if id(weight) not in chosen]
        self._adam = torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=DECAY)
        self._momenta = [torch.zeros_like(weight) for weight in self._matrices]

    def step(self, scale: float) -> None:
        """Average the gradients of all processes and step at `scale` times the full rates.

        A gradient that is not finite is dropped, in all processes alike: one bad clip must not end a run.
        """
        self._average_gradients()
        for group in self._adam.param_groups:
            group["lr"] = ADAM_RATE * scale
        if torch.isfinite(nn.utils.clip_grad_norm_(self._all, 2.0)):
            self._adam.step()
            self._step_matrices(MUON_RATE * scale)
        for weight in self._all:
            weight.grad = None

    def state(self) -> dict[str, object]:
        return {"adam": self._adam.state_dict(), "momenta": self._momenta}

    def restore(self, state: dict[str, object]) -> None:
        self._adam.load_state_dict(state["adam"])  # type: ignore[arg-type]
        self._momenta = list(state["momenta"])  # type: ignore[call-overload]

    def _average_gradients(self) -> None:
        if self._processes == 1:
            return
        flat = torch.cat([_gradient(weight).flatten() for weight in self._all])
        distributed.all_reduce(flat)
        pieces = (flat / self._processes).split([weight.numel() for weight in self._all])
        for weight, piece in zip(self._all, pieces, strict=True):
            weight.grad = piece.view_as(weight)

    @torch.no_grad()
    def _step_matrices(self, rate: float) -> None:
        updates = []
        for index, (weight, momentum) in enumerate(zip(self._matrices, self._momenta, strict=True)):
            momentum.lerp_(_gradient(weight), 1 - MOMENTUM)
            mine = index % self._processes == self._rank
            ahead = _gradient(weight).lerp(momentum, MOMENTUM)
            updates.append(orthogonal(ahead) if mine else torch.zeros_like(weight))
        if self._processes > 1:
            flat = torch.cat([update.flatten() for update in updates])
            distributed.all_reduce(flat)
            pieces = flat.split([update.numel() for update in updates])
            updates = [piece.view_as(update) for piece, update in zip(pieces, updates, strict=True)]
        for weight, update in zip(self._matrices, updates, strict=True):
            stretch = max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
            weight.mul_(1 - rate * DECAY).add_(update, alpha=-rate * stretch)


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the closest orthogonal matrix: five steps of the quintic iteration that Muon is known for."""
    turned = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    found = (turned / (turned.norm() + 1e-7)).bfloat16()
    for _ in range(5):
        square = found @ found.T
        found = 3.4445 * found + (-4.7750 * square + 2.0315 * square @ square) @ found
    found = found.float()
    return found.T if matrix.shape[0] > matrix.shape[1] else found


def _gradient(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad
