"""N-HiTS (Challu et al. 2022, arXiv 2201.12886): stacks that read the window at one rate each and answer in as few numbers.

As in the paper: a block pools its input (eq. 1), a perceptron turns it into few coefficients (eq. 2), interpolation stretches
those over time (eq. 3), backcasts are subtracted from what the next stack reads and forecasts add up (eq. 4). What differs:
the window has eight columns, a forecast is a hidden path of eight columns over the label's horizon, and move and side are
read off that path linearly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from training.dataset import F32, SEQUENCE_COLUMNS, SEQUENCE_STEPS
from training.trainers.nets import NetTrainer
from training.trainers.trainer import Params, Run


@dataclass(frozen=True)
class Rate:
    """One stack's rates."""

    pool_bars: int
    bars_per_coefficient: int  # the inverse of the paper's expressiveness ratio


RATES = (Rate(16, 12), Rate(8, 4), Rate(1, 1))  # slow first, as in the paper
LAYERS = 2

CANDIDATES: tuple[Params, ...] = (
    {
        "hidden": 128,
        "dropout": 0.1,
        "learning_rate": 1e-3,
        "weight_decay": 0.01,
        "epoch_share": 0.25,
        "market_kept": 0.3,
    },
)


def interpolation(coefficients: int, steps: int) -> F32:
    """[coefficients, steps]: linear interpolation of evenly spread coefficients, flat beyond the outermost; the same as
    torch's `interpolate(mode="linear", align_corners=False)`, which has no dependable ONNX form for one dimension."""
    at = np.clip((np.arange(steps) + 0.5) * coefficients / steps - 0.5, 0, coefficients - 1)
    return np.stack([np.interp(at, np.arange(coefficients), row) for row in np.eye(coefficients)]).astype(np.float32)


class Block(nn.Module):
    """[N, 8, 96] → backcast [N, 8, 96], forecast [N, 8, horizon]"""

    def __init__(self, rate: Rate, horizon_bars: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.pool = nn.MaxPool1d(rate.pool_bars, ceil_mode=True) if rate.pool_bars > 1 else nn.Identity()
        self.coefficients = [math.ceil(steps / rate.bars_per_coefficient) for steps in (SEQUENCE_STEPS, horizon_bars)]
        width = SEQUENCE_COLUMNS * math.ceil(SEQUENCE_STEPS / rate.pool_bars)
        layers: list[nn.Module] = []
        for _ in range(LAYERS):
            layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout)]
            width = hidden
        self.perceptron = nn.Sequential(nn.Flatten(), *layers, nn.Linear(width, SEQUENCE_COLUMNS * sum(self.coefficients)))
        self.register_buffer("to_window", torch.tensor(interpolation(self.coefficients[0], SEQUENCE_STEPS)))
        self.register_buffer("to_horizon", torch.tensor(interpolation(self.coefficients[1], horizon_bars)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        theta = self.perceptron(self.pool(x)).reshape(-1, SEQUENCE_COLUMNS, sum(self.coefficients))
        backward, forward = theta[:, :, : self.coefficients[0]], theta[:, :, self.coefficients[0] :]
        return backward @ self.get_buffer("to_window"), forward @ self.get_buffer("to_horizon")


class NHits(nn.Module):
    """[N, 96, 8] → [N, 4]"""

    def __init__(self, params: Params, horizon_bars: int) -> None:
        super().__init__()
        hidden, dropout = int(params["hidden"]), float(params["dropout"])
        self.blocks = nn.ModuleList(Block(rate, horizon_bars, hidden, dropout) for rate in RATES)
        self.head = nn.Linear(SEQUENCE_COLUMNS * horizon_bars, 4)

    def path(self, x: Tensor) -> Tensor:
        """[N, 8, 96] → [N, 8, horizon]: the sum of the stacks' forecasts, each made of what the ones before left unexplained."""
        forecasts: list[Tensor] = []
        for block in self.blocks:
            backcast, forecast = block(x)
            x = x - backcast
            forecasts.append(forecast)
        return sum(forecasts[1:], start=forecasts[0])

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.path(x.transpose(1, 2)).flatten(1))
        return scores


def nhits_trainer(run: Run) -> NetTrainer:
    return NetTrainer(run, "nhits", CANDIDATES, NHits)
