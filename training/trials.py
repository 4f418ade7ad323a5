"""One trial = one trainer, one set of parameters, one horizon, over all folds. Every trial is logged, none is redone.

The log is the count of attempts that any good-looking result must be held against.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.artefacts import canonical_json, write_atomically
from training.calibration import Calibration, calibrate_forward
from training.dataset import F64, I64, Dataset, Mask, Targets
from training.folds import Fold, FoldPlan, walk_forward
from training.metrics import Metrics, class_frequencies, judge
from training.trainers.trainer import Examples, FittedModel, Params, Run, Trainer, margins_of


@dataclass(frozen=True)
class Study:
    """What all trials of one run of training have in common."""

    data: Dataset
    plan: FoldPlan
    run: Run
    row_stride: int  # fit on every n-th bar of a symbol; evaluated on all
    work: Path

    def fit_mask(self) -> Mask:
        """[rows] neighbouring bars share almost all of their label and features; symbols take turns at the bars kept."""
        return np.asarray((self.data.ts // self.data.bar_ms + self.data.symbol_index) % self.row_stride == 0)


@dataclass(frozen=True)
class Trial:
    key: str
    model: str
    kind: str
    params: Params
    targets: Targets
    folds: list[Fold]
    rows: list[I64]  # per fold: positions of the test rows within the dataset
    margins: list[F64]  # per fold [n, 5], from a model that had seen nothing of it
    calibration_before: list[Calibration]  # per fold, fitted on earlier folds alone
    metrics: list[Metrics]
    out_of_fold: Metrics
    rounds: list[tuple[int, ...]]
    calibration: Calibration  # fitted on all folds
    calibration_log_loss: dict[str, float]

    def summary(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "model": self.model,
            "horizonBars": self.targets.horizon_bars,
            "params": self.params,
            "rounds": self.rounds,
            "calibration": self.calibration.as_json() | {"forwardLogLoss": self.calibration_log_loss},
            "folds": [
                {"fromMs": fold.test_from_ms, "toMs": fold.test_to_ms} | metrics
                for fold, metrics in zip(self.folds, self.metrics, strict=True)
            ],
            "outOfFold": self.out_of_fold,
        }


def run_trial(study: Study, trainer: Trainer, params: Params, horizon: int) -> Trial:
    """Folds already in the work folder are read back instead of fitted again."""
    data, targets = study.data, study.data.targets[horizon]
    key = trial_key(study, trainer, params, horizon)
    folds = walk_forward(data.ts[data.ts >= data.folds_from_ms], horizon, data.bar_ms, study.plan)
    usable = data.has_sequence
    rows, margins, priors, seconds = [], [], [], 0.0
    rounds: list[tuple[int, ...]] = []
    for number, fold in enumerate(folds):
        # A net takes as long for a row as a forest for a thousand: it is evaluated on the bars that are learned from.
        asked = usable & study.fit_mask() if trainer.kind == "sequence" else usable
        test = np.flatnonzero(asked & fold.test(data.ts))
        if len(test) == 0:
            raise ValueError(f"fold {number} has no rows to test {trainer.name} on")
        path = study.work / key / f"fold-{number}.npz"
        if not path.exists():
            _fit_fold(study, trainer, params, targets, fold, test, path)
        with np.load(path) as saved:
            margins.append(saved["margins"].astype(np.float64))
            rounds.append(tuple(int(n) for n in saved["rounds"]))
            seconds += float(saved["seconds"])
        rows.append(test)
        priors.append(class_frequencies(targets.label[usable & fold.train(data.ts)]))
        print(
            f"  {trainer.name} h={horizon} {key} fold {number + 1}/{len(folds)}: {rounds[-1]} rounds, {len(test)} rows",
            flush=True,
        )
    all_moves = targets.barrier_moves()
    calibrated = calibrate_forward(margins, [targets.label[r] for r in rows], [all_moves[r] for r in rows])
    answers = [c.answers(m) for c, m in zip(calibrated.before, margins, strict=True)]
    metrics = [judge(data, targets, [r], [a], [f]) for r, a, f in zip(rows, answers, priors, strict=True)]
    trial = Trial(
        key=key,
        model=trainer.name,
        kind=trainer.kind,
        params=params,
        targets=targets,
        folds=folds,
        rows=rows,
        margins=margins,
        calibration_before=calibrated.before,
        metrics=metrics,
        out_of_fold=judge(data, targets, rows, answers, priors),
        rounds=rounds,
        calibration=calibrated.final,
        calibration_log_loss=calibrated.log_loss_by_kind,
    )
    _log(study.work / "trials.jsonl", trial, seconds)
    return trial


def _fit_fold(study: Study, trainer: Trainer, params: Params, targets: Targets, fold: Fold, test: I64, path: Path) -> None:
    data = study.data
    usable = data.has_sequence
    fit = np.flatnonzero(usable & fold.fit(data.ts) & study.fit_mask())
    stop = np.flatnonzero(usable & fold.stop(data.ts))
    started = time.perf_counter()
    model = trainer.fit(params, Examples(data, targets, fit), Examples(data, targets, stop), None)
    margins = margins_of(model, trainer.kind, data, test)
    seconds = time.perf_counter() - started
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.stem + ".partial.npz")
    np.savez(partial, margins=margins.astype(np.float32), rounds=model.rounds, seconds=seconds)
    partial.replace(path)


def fit_final(study: Study, trainer: Trainer, trial: Trial) -> FittedModel:
    """On all rows, for the median of the rounds that the folds settled on; there is nothing left to stop early on."""
    path = study.work / trial.key / "final.model"
    if not path.exists():
        rows = np.flatnonzero(study.data.has_sequence & study.fit_mask())
        rounds = tuple(max(1, round(float(n))) for n in np.median(trial.rounds, axis=0))
        print(f"  {trainer.name} final: {rounds} rounds on {len(rows)} rows", flush=True)
        model = trainer.fit(trial.params, Examples(study.data, trial.targets, rows), None, rounds)
        partial = path.with_name("final.partial")
        model.save(partial)
        partial.replace(path)
    return trainer.load(path)


def trial_key(study: Study, trainer: Trainer, params: Params, horizon: int) -> str:
    """Everything that the result depends on, so that a changed setting never finds an old result."""
    identity = {
        "dataset": study.data.meta["sha256"],
        "model": trainer.name,
        "revision": trainer.revision,
        "libraries": trainer.libraries(),
        "params": params,
        "horizon": horizon,
        "plan": vars(study.plan),
        "run": vars(study.run),
        "rowStride": study.row_stride,
    }
    return hashlib.sha256(canonical_json(identity)).hexdigest()[:16]


def _log(path: Path, trial: Trial, seconds: float) -> None:
    """One line per trial; a resumed trial's line is not written twice."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    if any(json.loads(line)["key"] == trial.key for line in lines):
        return
    lines.append(canonical_json(trial.summary() | {"seconds": round(seconds, 1)}).decode("utf-8").strip())
    write_atomically(path, ("\n".join(lines) + "\n").encode("utf-8"))
