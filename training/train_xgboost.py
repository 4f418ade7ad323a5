"""XGBoost: depth-wise histogram trees, a second opinion on the same columns as LightGBM."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

from training.calibration import Calibration
from training.dataset import F32, F64
from training.forest import Forest, forest_to_onnx, threshold_probes
from training.trainer import Examples, Params, Run, library_versions

MAX_ROUNDS = 150
PATIENCE = 15
MAX_BIN = 128


@dataclass(frozen=True)
class XgBoostModel:
    booster: xgb.Booster
    rounds: int

    def margins(self, inputs: F32) -> F64:
        # A float32 matrix, as XGBoost compares in float32.  [n, 49] → [n, 3]
        return np.asarray(self.booster.predict(xgb.DMatrix(inputs), output_margin=True), dtype=np.float64)

    def export(self, calibration: Calibration) -> bytes:
        return forest_to_onnx(xgboost_forest(self.booster), calibration)

    def probe_inputs(self, base: F32, seed: int, limit: int) -> F32:
        return threshold_probes(xgboost_forest(self.booster), base, seed, limit)

    def save(self, path: Path) -> None:
        path.write_bytes(bytes(self.booster.save_raw("json")))


@dataclass(frozen=True)
class XgBoostTrainer:
    run: Run
    name: str = "xgboost"
    kind: str = "tabular"
    revision: int = 1
    candidates: tuple[Params, ...] = (
        {"max_depth": 5, "eta": 0.05, "min_leaf_fraction": 1e-3, "lambda": 5.0, "colsample_bynode": 0.5},
        {"max_depth": 4, "eta": 0.05, "min_leaf_fraction": 3e-3, "lambda": 20.0, "colsample_bynode": 0.3},
    )

    def libraries(self) -> dict[str, str]:
        return library_versions(xgb, np)

    def fit(self, params: Params, fit: Examples, stop: Examples | None, rounds: int | None) -> XgBoostModel:
        settings: dict[str, Any] = {
            "objective": "multi:softprob",
            "num_class": 3,
            "eval_metric": "mlogloss",
            "tree_method": "hist",
            "max_bin": MAX_BIN,
            "max_depth": params["max_depth"],
            "eta": params["eta"],
            "lambda": params["lambda"],
            "colsample_bynode": params["colsample_bynode"],
            "subsample": 0.7,
            # Sum of hessians: about 0.2 × weight per row for three classes.
            "min_child_weight": max(1.0, float(params["min_leaf_fraction"]) * float(fit.weight.sum()) * 0.2),
            "seed": self.run.seed,
            "nthread": self.run.threads,
        }
        train = _matrix(fit, self.kind, None)
        if stop is None:
            booster = xgb.train(settings, train, num_boost_round=rounds or MAX_ROUNDS)
            return XgBoostModel(booster, booster.num_boosted_rounds())
        booster = xgb.train(
            settings,
            train,
            num_boost_round=MAX_ROUNDS,
            evals=[(_matrix(stop, self.kind, train), "stop")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        best = int(booster.best_iteration) + 1
        return XgBoostModel(booster[:best], best)

    def load(self, path: Path) -> XgBoostModel:
        booster = xgb.Booster(model_file=bytearray(path.read_bytes()))
        return XgBoostModel(booster, booster.num_boosted_rounds())


def _matrix(examples: Examples, kind: str, bins_of: xgb.DMatrix | None) -> xgb.DMatrix:
    return xgb.QuantileDMatrix(examples.inputs(kind), examples.label, weight=examples.weight, max_bin=MAX_BIN, ref=bins_of)


def xgboost_forest(booster: xgb.Booster) -> Forest:
    """Goes left where x < split_condition, a float32. base_score is one margin for all classes, or one per class."""
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    model = learner["gradient_booster"]["model"]
    base_score = json.loads(learner["learner_model_param"]["base_score"])
    base = np.broadcast_to(np.array(base_score, dtype=np.float32).ravel(), (3,)).copy()
    columns: dict[str, list[Any]] = {k: [] for k in ("tree", "feature", "threshold", "left", "right", "missing", "leaf")}
    for tree, nodes in enumerate(model["trees"]):
        offset = len(columns["tree"])
        if any(nodes["split_type"]):
            raise ValueError("a categorical split has no ONNX form here")
        for at, left in enumerate(nodes["left_children"]):
            split = left != -1
            columns["tree"].append(tree)
            columns["feature"].append(nodes["split_indices"][at] if split else -1)
            columns["threshold"].append(nodes["split_conditions"][at] if split else 0.0)
            columns["left"].append(offset + left if split else -1)
            columns["right"].append(offset + nodes["right_children"][at] if split else -1)
            columns["missing"].append(bool(split and nodes["default_left"][at]))
            columns["leaf"].append(0.0 if split else nodes["split_conditions"][at])
    return Forest(
        mode="BRANCH_LT",
        base=base,
        tree=np.array(columns["tree"], dtype=np.int64),
        tree_class=np.array(model["tree_info"], dtype=np.int64),
        feature=np.array(columns["feature"], dtype=np.int64),
        threshold=np.array(columns["threshold"], dtype=np.float32),
        left=np.array(columns["left"], dtype=np.int64),
        right=np.array(columns["right"], dtype=np.int64),
        missing_left=np.array(columns["missing"], dtype=np.bool_),
        leaf=np.array(columns["leaf"], dtype=np.float32),
    )
