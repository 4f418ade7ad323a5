"""From a dataset to a servable ensemble: horizon, trials, final fits, export, parity, artefacts. Reads top to bottom."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from training.artefacts import ModelArtefact, canonical_json, golden_vectors, write_atomically, write_ensemble, write_models
from training.dataset import F32, I64, load_dataset, with_earlier
from training.ensemble import choose_hold, model_weights, profit_curve
from training.folds import FoldPlan
from training.horizon import HorizonChoice, choose_horizon
from training.search import score, search
from training.trainers.forest import OPSET
from training.trainers.parity import Parity, check_parity
from training.trainers.train_lightgbm import LightGbmTrainer
from training.trainers.train_nhits import nhits_trainer
from training.trainers.train_patchtst import patchtst_trainer
from training.trainers.train_xgboost import XgBoostTrainer
from training.trainers.trainer import INPUT_NAMES, FittedModel, Run, Trainer
from training.trials import Study, Trial, fit_final, run_trial

TRAINERS: dict[str, Callable[[Run], Trainer]] = {
    "xgboost": XgBoostTrainer,
    "lightgbm": LightGbmTrainer,
    "nhits": nhits_trainer,
    "patchtst": patchtst_trainer,
}
SCOUT = "lightgbm"  # quickest to fit: it alone tries every horizon
STOP = {"stopAtrMultiple": 1.2, "stopAtrTimeframe": "1d"}  # docs/STOPS.md
PARITY_ROWS = 10_000
HORIZONS = (3, 6, 12)  # bars; at 36 no fold has ever shown direction
GOLDEN_REAL_ROWS = 32
GOLDEN_PROBE_ROWS = 16


@dataclass(frozen=True)
class Request:
    """One invocation of `python -m training train`."""

    data: Path
    earlier: Path | None  # a dataset of an older regime
    out: Path
    work: Path
    horizon: int | None  # None: chosen on validation
    models: tuple[str, ...]
    version: str | None  # None: from the dataset's end, so that a repeat writes the same
    run: Run
    plan: FoldPlan
    row_stride: int
    tries: int = 0  # of a search for each tree trainer's parameters


def train(request: Request) -> None:
    """Raises DatasetError, ParityError, ArtefactError or EnsembleError; then nothing is written, and the pointer stays."""
    data = load_dataset(request.data)
    if request.earlier is not None:
        data = with_earlier(data, load_dataset(request.earlier))
    print(f"{len(data.symbols)} symbols, {len(data.ts)} rows, dataset {data.meta['sha256'][:12]}", flush=True)
    study = Study(data, request.plan, request.run, request.row_stride, request.work)
    trainers = {name: TRAINERS[name](request.run) for name in request.models}
    version = request.version or datetime.fromtimestamp(int(data.ts.max()) / 1000, UTC).strftime("v%Y%m%d_%H%M%S")

    choice, trials = _choose_horizon(study, trainers, request.horizon)
    best = []
    for trainer in trainers.values():
        of_model = search(study, trainer, choice.horizon_bars, request.tries)
        scouted = {t.key for t in trials}
        trials += [t for t in of_model if t.key not in scouted]
        best.append(max(of_model, key=score))
        _print_trial(best[-1])

    weights = model_weights(best)
    hold, held = choose_hold(data, best, weights, [bars for bars in HORIZONS if bars >= choice.horizon_bars])
    for each in held:
        print(f"  held {each.bars} bars: walk-forward {each.threshold.walk_forward.as_json()}", flush=True)
    models, parities = [], {}
    for trial in best:
        artefact, parity = _export(study, trainers[trial.model], trial, version, len(trials))
        models.append(artefact)
        parities[trial.model] = {"bytes": len(artefact.onnx)} | vars(parity)
        print(
            f"  {trial.model}: {len(artefact.onnx)} bytes, parity {parity.max_abs_difference:.2e} on {parity.rows} rows",
            flush=True,
        )

    log = {
        "version": version,
        "datasetSha256": data.meta["sha256"],
        "horizon": {"chosen": choice.horizon_bars, "reason": choice.reason, "evidence": choice.evidence},
        "trialCount": len(trials),
        "trials": [t.summary() for t in trials],
        "served": {t.model: t.key for t in best},
        "weights": dict(zip([t.model for t in best], weights, strict=True)),
        "holdBars": hold.bars,
        "threshold": hold.threshold.as_json(),
        "held": {each.bars: each.threshold.walk_forward.as_json() for each in held},
        "exports": parities,
        "settings": {
            "plan": vars(request.plan),
            "run": vars(request.run),
            "rowStride": request.row_stride,
            "tries": request.tries,
        },
    }
    log_body = canonical_json(log)
    members = write_models(request.out, models)
    write_atomically(request.out / "training-log.json", log_body)
    write_ensemble(
        request.out,
        {
            "schemaVersion": 1,
            "id": "e" + version[1:],
            "featureSetHash": data.meta["featureSetHash"],
            "label": data.meta["labels"][str(choice.horizon_bars)],
            "members": [m | {"weight": w} for m, w in zip(members, weights, strict=True)],
            "costs": {k: data.meta["costs"][k] for k in ("feeBps", "slippageBps")},
            "edgeThresholdBps": hold.threshold.edge_bps,
            "confidence": profit_curve(hold.served, data.round_trip_bps).as_json(),
            "holdBars": hold.bars,
            "sizingPolicy": None,  # `python -m training sizing` may find one
        }
        | STOP,
    )
    print(f"horizon {choice.horizon_bars}: {choice.reason}")
    print(f"threshold {hold.threshold.edge_bps} bps, held {hold.bars} bars")
    print(f"wrote {request.out} ({version})", flush=True)


def _choose_horizon(study: Study, trainers: dict[str, Trainer], fixed: int | None) -> tuple[HorizonChoice, list[Trial]]:
    if fixed is not None:
        return HorizonChoice(fixed, "given by the operator", []), []
    scout = trainers.get(SCOUT) or next(iter(trainers.values()))
    trials = [run_trial(study, scout, scout.candidates[0], h) for h in HORIZONS]
    for trial in trials:
        _print_trial(trial)
    return choose_horizon(trials), trials


def _print_trial(trial: Trial) -> None:
    for name, m in [*((f"fold {i + 1}", m) for i, m in enumerate(trial.metrics)), ("all", trial.out_of_fold)]:
        shown = " ".join(f"{k}={v:.4f}" if isinstance(v, float) else f"{k}={v}" for k, v in m.items())
        print(f"  {trial.model} h={trial.targets.horizon_bars} {name}: {shown}", flush=True)


def _export(study: Study, trainer: Trainer, trial: Trial, version: str, trial_count: int) -> tuple[ModelArtefact, Parity]:
    data = study.data
    model = fit_final(study, trainer, trial)
    body = model.export(trial.calibration)
    usable = np.flatnonzero(data.has_sequence)
    real = data.inputs(trainer.kind, usable[_spread(len(usable), PARITY_ROWS)])
    parity = check_parity(model, body, trial.calibration, real, study.run.seed)
    golden = _golden_inputs(model, real, study.run.seed)
    columns = data.meta["featureNames"] if trainer.kind == "tabular" else data.meta["sequenceColumns"]
    horizon_ms = trial.targets.horizon_bars * data.bar_ms
    description: dict[str, Any] = {
        "opset": OPSET if trainer.kind == "tabular" else {"ai.onnx": OPSET["ai.onnx"]},
        "input": {"kind": trainer.kind, "name": INPUT_NAMES[trainer.kind], "columns": columns}
        | ({"steps": data.meta["sequenceSteps"]} if trainer.kind == "sequence" else {}),
        "featureSetHash": data.meta["featureSetHash"],
        "label": data.meta["labels"][str(trial.targets.horizon_bars)],
        "training": {
            "fromMs": int(data.ts[usable].min()),
            "toMs": int(data.ts[usable].max()) + horizon_ms,
            "symbols": [data.symbols[i] for i in np.unique(data.symbol_index[usable])],
            "rows": int((data.has_sequence & study.fit_mask()).sum()),
            "embargoBars": study.plan.embargo_bars,
            "seed": study.run.seed,
            "datasetSha256": data.meta["sha256"],
        },
        "metrics": {
            "folds": trial.summary()["folds"],
            "outOfFold": trial.out_of_fold | {"trials": trial_count},
        },
        "calibration": trial.calibration.as_json() | {"fittedOnRows": sum(len(r) for r in trial.rows)},
        "libraries": trainer.libraries()
        | {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "python": platform.python_version()},
        "goldenVectors": golden_vectors(golden, trial.calibration.answers(model.margins(golden))),
    }
    return ModelArtefact(trial.model, version, body, description), parity


def _golden_inputs(model: FittedModel, real: F32, seed: int) -> F32:
    """Real rows spread over the dataset, and probes where a wrong export would show."""
    rows = real[_spread(len(real), GOLDEN_REAL_ROWS)]
    probes = model.probe_inputs(rows, seed, 3 * GOLDEN_PROBE_ROWS)[:GOLDEN_PROBE_ROWS]
    return np.concatenate([rows, probes])


def _spread(length: int, count: int) -> I64:
    return np.linspace(0, length - 1, count).astype(np.int64)
