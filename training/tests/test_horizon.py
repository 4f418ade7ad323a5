"""The horizon is chosen by direction and earnings; log-loss alone must not win."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from training.horizon import choose_horizon


def trial(horizon: int, ics: list[float], t: float, net: float | None, gain: float) -> Any:
    total = {
        "rankIc": sum(ics) / len(ics),
        "rankIcT": t,
        "priorLogLoss": 1.0,
        "logLoss": 1.0 - gain,
        "actedGrossBps": None if net is None else net + 14,
        "actedNetBps": net,
        "actedNetStandardErrorBps": 2.0,
        "actedSignals": 0 if net is None else 400,
    }
    return SimpleNamespace(
        targets=SimpleNamespace(horizon_bars=horizon), metrics=[{"rankIc": ic} for ic in ics], out_of_fold=total
    )


def test_volatility_foreseen_without_direction_does_not_win() -> None:
    choice = choose_horizon(
        [
            trial(3, [0.05] * 5, 9.0, 2.0, 0.001),
            trial(12, [0.02, 0.01, 0.02, -0.01, 0.01], 3.0, 10.0, 0.002),
            trial(36, [0.01, -0.02, 0.03, -0.01, 0.0], 0.3, 60.0, 0.05),
        ]
    )
    assert choice.horizon_bars == 12
    assert [e["directed"] for e in choice.evidence] == [True, True, False]


def test_without_any_direction_the_least_doubtful_is_named_as_such() -> None:
    choice = choose_horizon([trial(3, [0.01, -0.01, -0.02, 0.01], 0.9, None, 0.1), trial(6, [-0.01] * 4, -1.0, 90.0, 0.1)])
    assert choice.horizon_bars == 3
    assert choice.reason.startswith("no horizon")
