"""A linear layer whose matrix products run in bfloat16: twice as fast where the processor has it."""

from typing import Any

import torch
from torch import Tensor, nn


class _Product(torch.autograd.Function):
    """Only the products are rounded; what goes in, what comes out and every sum between layers is float32."""

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        short, matrix = states.flatten(0, -2).bfloat16(), weight.bfloat16()
        context.save_for_backward(short, matrix)
        context.biased = bias is not None
        found = torch.mm(short, matrix.T).float()
        if bias is not None:
            found += bias
        return found.unflatten(0, states.shape[:-1])

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        states, weight = context.saved_tensors
        flat = gradient.flatten(0, -2)
        short = flat.bfloat16()
        back = torch.mm(short, weight).float().unflatten(0, gradient.shape[:-1])
        bias = flat.sum(0) if context.biased else None
        return back, torch.mm(short.T, states).float(), bias


class HalfLinear(nn.Linear):
    def forward(self, states: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(states)
        return _Product.apply(states, self.weight, self.bias)
