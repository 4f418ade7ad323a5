"""LightGBM: leaf-wise trees. Shallow learning rate, large leaves: the signal is weak and the rows overlap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from training.calibration import Calibration
from training.dataset import F32, F64
from training.forest import Forest, forest_to_onnx, largest_float32_at_most, threshold_probes
from training.trainer import Examples, Params, Run, library_versions

ZERO = np.float32(1e-35)  # LightGBM's kZeroThreshold: nearer to zero than this is read as 0 in prediction
MAX_ROUNDS = 150
PATIENCE = 15


@dataclass(frozen=True)
class LightGbmModel:
    booster: lgb.Booster
    rounds: int

    def margins(self, inputs: F32) -> F64:
        # LightGBM predicts in float64 on the float32 values given.  [n, 49] → [n, 3]
        return np.asarray(self.booster.predict(inputs, raw_score=True), dtype=np.float64)

    def export(self, calibration: Calibration) -> bytes:
        return forest_to_onnx(lightgbm_forest(self.booster), calibration)

    def probe_inputs(self, base: F32, seed: int, limit: int) -> F32:
        return threshold_probes(lightgbm_forest(self.booster), base, seed, limit)

    def save(self, path: Path) -> None:
        self.booster.save_model(str(path))


@dataclass(frozen=True)
class LightGbmTrainer:
    run: Run
    name: str = "lightgbm"
    kind: str = "tabular"
    revision: int = 1
    candidates: tuple[Params, ...] = (
        {"num_leaves": 31, "learning_rate": 0.05, "min_leaf_fraction": 1e-3, "lambda_l2": 5.0, "feature_fraction": 0.5},
        {"num_leaves": 15, "learning_rate": 0.05, "min_leaf_fraction": 3e-3, "lambda_l2": 20.0, "feature_fraction": 0.3},
    )

    def libraries(self) -> dict[str, str]:
        return library_versions(lgb, np)

    def fit(self, params: Params, fit: Examples, stop: Examples | None, rounds: int | None) -> LightGbmModel:
        settings: dict[str, Any] = {
            "objective": "multiclass",
            "num_class": 3,
            "metric": "multi_logloss",
            "num_leaves": params["num_leaves"],
            "learning_rate": params["learning_rate"],
            "lambda_l2": params["lambda_l2"],
            "feature_fraction": params["feature_fraction"],
            "min_data_in_leaf": max(20, int(float(params["min_leaf_fraction"]) * len(fit.rows))),
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "max_bin": 127,
            "seed": self.run.seed,
            "num_threads": self.run.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        train = lgb.Dataset(fit.inputs(self.kind), fit.label, weight=fit.weight, params=settings)
        if stop is None:
            booster = lgb.train(settings, train, num_boost_round=rounds or MAX_ROUNDS)
            return LightGbmModel(booster, booster.current_iteration())
        watch = train.create_valid(stop.inputs(self.kind), stop.label, weight=stop.weight)
        stopping = lgb.early_stopping(PATIENCE, verbose=False)
        booster = lgb.train(settings, train, num_boost_round=MAX_ROUNDS, valid_sets=[watch], callbacks=[stopping])
        best = booster.best_iteration or booster.current_iteration()
        return LightGbmModel(_cut(booster, best), best)

    def load(self, path: Path) -> LightGbmModel:
        booster = lgb.Booster(model_file=str(path))
        return LightGbmModel(booster, booster.current_iteration())


def _cut(booster: lgb.Booster, rounds: int) -> lgb.Booster:
    return lgb.Booster(model_str=booster.model_to_string(num_iteration=rounds))


def _float32_threshold(threshold: float) -> np.float32:
    """The float32 t for which x <= t means what LightGBM does, for every float32 x.

    Splits next to zero have the threshold ±1e-35, and any x within ±1e-35 counts as 0 there: so it lies left of +1e-35, and
    right of −1e-35 even where it equals it.
    """
    if 0.0 <= threshold <= float(ZERO):
        return ZERO
    if -float(ZERO) <= threshold < 0.0:
        return np.float32(np.nextafter(-ZERO, np.float32(-np.inf)))
    return largest_float32_at_most(threshold)


def lightgbm_forest(booster: lgb.Booster) -> Forest:
    """Goes left where x <= threshold, a float64; see largest_float32_at_most. The prior is inside the first leaves."""
    tree_ids: list[int] = []
    classes: list[int] = []
    features: list[int] = []
    thresholds: list[np.float32] = []
    lefts: list[int] = []
    rights: list[int] = []
    missing: list[bool] = []
    leaves: list[float] = []

    def add(tree: int, node: dict[str, Any]) -> int:
        at = len(tree_ids)
        tree_ids.append(tree)
        split = "split_feature" in node
        if split and (node["decision_type"] != "<=" or node["missing_type"] == "Zero"):
            raise ValueError(f"a split of kind {node['decision_type']} {node['missing_type']} has no ONNX form here")
        threshold = float(node["threshold"]) if split else 0.0
        features.append(int(node["split_feature"]) if split else -1)
        thresholds.append(_float32_threshold(threshold))
        # Trained without missing values, LightGBM reads a missing one as 0.
        is_default = node["default_left"] if split and node["missing_type"] == "NaN" else threshold >= 0.0
        missing.append(bool(split and is_default))
        leaves.append(0.0 if split else float(node["leaf_value"]))
        lefts.append(-1)
        rights.append(-1)
        if split:
            lefts[at] = add(tree, node["left_child"])
            rights[at] = add(tree, node["right_child"])
        return at

    dump = booster.dump_model()
    for tree, info in enumerate(dump["tree_info"]):
        classes.append(tree % int(dump["num_tree_per_iteration"]))
        add(tree, info["tree_structure"])
    return Forest(
        mode="BRANCH_LEQ",
        base=np.zeros(3, dtype=np.float32),
        tree=np.array(tree_ids, dtype=np.int64),
        tree_class=np.array(classes, dtype=np.int64),
        feature=np.array(features, dtype=np.int64),
        threshold=np.array(thresholds, dtype=np.float32),
        left=np.array(lefts, dtype=np.int64),
        right=np.array(rights, dtype=np.int64),
        missing_left=np.array(missing, dtype=np.bool_),
        leaf=np.array(leaves, dtype=np.float32),
    )
