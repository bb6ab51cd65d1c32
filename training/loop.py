"""One step of a training, and what it reports."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

REPORT = 50


class Loop:
    """AdamW with clipped gradients, at a rate that rises briefly, then falls to 0."""

    def __init__(
        self, groups: list[dict[str, Any]], rate: float, steps: int, losses: Sequence[str]
    ) -> None:
        self._weights = [weight for group in groups for weight in group["params"]]
        self._optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, rate, total_steps=steps, pct_start=0.1
        )
        self._names, self._sums = losses, np.zeros(len(losses))
        self._began, self._steps = time.perf_counter(), 0

    def step(self, losses: Sequence[Tensor]) -> None:
        """Change the weights by the sum of the losses; every 50 steps print their means."""
        sum(losses, torch.zeros(())).backward()
        nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._schedule.step()
        self._sums += [loss.item() for loss in losses]
        self._steps += 1
        if self._steps % REPORT == 0:
            means = "  ".join(
                f"{name} {value / REPORT:.3f}"
                for name, value in zip(self._names, self._sums, strict=True)
            )
            seconds = time.perf_counter() - self._began
            print(f"step {self._steps}  {means}  {seconds:.0f} s", flush=True)
            self._sums[:] = 0


def decay_of_matrices(weights: Sequence[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    """Return the weights in two groups: matrices, which decay, and vectors, which do not."""
    return [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": decay},
        {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
    ]
