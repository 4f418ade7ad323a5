"""Chooses the label's horizon on validation folds, by direction first and by earnings net of costs second.

Log-loss cannot choose: at 36 bars it beats the prior by predicting volatility, with no idea of the side. So a horizon
must first show a rank correlation across symbols that holds in nearly all folds; among those, the one whose signals earned
most, acted on wherever the expected edge is above costs: mean net less one standard error, times the root of their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.metrics import steady_score
from training.trials import Trial

MIN_RANK_IC_T = 2.0


@dataclass(frozen=True)
class HorizonChoice:
    horizon_bars: int
    reason: str
    evidence: list[dict[str, Any]]


def choose_horizon(trials: list[Trial]) -> HorizonChoice:
    """One trial per horizon, all of the same trainer and parameters."""
    evidence = [_evidence(trial) for trial in trials]
    directed = [e for e in evidence if e["directed"]]
    if directed:
        best = max(directed, key=lambda e: _or_worst(e["actedScore"]))
        reason = "directed, and the highest net earnings of what would be acted on"
    else:
        best = max(evidence, key=lambda e: _or_worst(e["rankIcT"]))
        reason = "no horizon shows direction in nearly all folds: the highest t of the rank correlation"
    return HorizonChoice(int(best["horizonBars"]), reason, evidence)


def _or_worst(value: float | None) -> float:
    return float("-inf") if value is None else value


def _evidence(trial: Trial) -> dict[str, Any]:
    total = trial.out_of_fold
    ics = [m["rankIc"] for m in trial.metrics]
    t = total["rankIcT"]
    held = sum(1 for ic in ics if ic is not None and ic > 0)
    net, error = total["actedNetBps"], total["actedNetStandardErrorBps"]
    return {
        "horizonBars": trial.targets.horizon_bars,
        "directed": t is not None and t >= MIN_RANK_IC_T and held >= len(ics) - 1,
        "rankIc": total["rankIc"],
        "rankIcT": t,
        "foldRankIc": ics,
        "logLossGain": (total["priorLogLoss"] or 0.0) - (total["logLoss"] or 0.0),
        "actedGrossBps": total["actedGrossBps"],
        "actedNetBps": net,
        "actedSignals": total["actedSignals"],
        "actedScore": None if net is None else steady_score(net, error, float(total["actedSignals"] or 0)),
    }
