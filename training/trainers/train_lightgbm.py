"""LightGBM: leaf-wise trees. Slow learning, large leaves: the signal is weak and the rows overlap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from training.dataset import F32, F64
from training.trainers.forest import Forest, largest_float32_at_most
from training.trainers.trainer import Examples, Params, Part, Run, Space, library_versions, parts_of
from training.trainers.tree_set import MAX_ROUNDS, TreeSet, rounds_without_stop, saved_texts

ZERO = np.float32(1e-35)  # LightGBM's kZeroThreshold: nearer to zero than this is read as 0 in prediction
PATIENCE = 20


@dataclass(frozen=True)
class LightGbmTrees:
    booster: lgb.Booster

    @property
    def rounds(self) -> int:
        return int(self.booster.current_iteration())

    def scores(self, inputs: F32) -> F64:
        # LightGBM predicts in float64 on the float32 values given.  [n, 49] → [n]
        return np.asarray(self.booster.predict(inputs, raw_score=True), dtype=np.float64)

    def forest(self) -> Forest:
        return lightgbm_forest(self.booster)

    def text(self) -> str:
        return str(self.booster.model_to_string())


@dataclass(frozen=True)
class LightGbmTrainer:
    run: Run
    name: str = "lightgbm"
    kind: str = "tabular"
    revision: int = 4
    candidates: tuple[Params, ...] = (
        {
            "num_leaves": 31,
            "learning_rate": 0.05,
            "min_leaf_fraction": 1e-3,
            "feature_fraction": 0.5,
            "market_kept": 0.3,
            "regression_rounds": 150,
        },
    )

    @property
    def space(self) -> Space:
        return {
            "num_leaves": (15, 63),
            "learning_rate": (0.02, 0.1),
            "min_leaf_fraction": (3e-4, 5e-3),
            "feature_fraction": (0.25, 0.8),
            "market_kept": (0.0, 0.6),
            "regression_rounds": (60, 300),
        }

    def libraries(self) -> dict[str, str]:
        return library_versions(lgb, np)

    def fit(self, params: Params, fit: Examples, stop: Examples | None, rounds: tuple[int, ...] | None) -> TreeSet:
        kept = float(params["market_kept"])
        fit_inputs = fit.inputs(self.kind)  # [n, 49]
        stop_inputs = None if stop is None else stop.inputs(self.kind)
        trees = []
        for number, part in enumerate(parts_of(kept)):
            settings = self._settings(params, part, len(fit.rows))
            train = lgb.Dataset(fit_inputs, part.target(fit), weight=fit.weight, params=settings)
            if stop is None or not part.is_binary:
                booster = lgb.train(
                    settings, train, num_boost_round=rounds[number] if rounds else rounds_without_stop(params, part)
                )
            else:
                watch = train.create_valid(stop_inputs, part.target(stop), weight=stop.weight)
                stopping = lgb.early_stopping(PATIENCE, verbose=False)
                booster = lgb.train(settings, train, num_boost_round=MAX_ROUNDS, valid_sets=[watch], callbacks=[stopping])
            trees.append(LightGbmTrees(_cut(booster, booster.best_iteration or booster.current_iteration())))
        return TreeSet(*trees)

    def _settings(self, params: Params, part: Part, rows: int) -> dict[str, Any]:
        return {
            "objective": "binary" if part.is_binary else "regression",
            "metric": "binary_logloss" if part.is_binary else "l2",
            "num_leaves": params["num_leaves"],
            "learning_rate": params["learning_rate"],
            "feature_fraction": params["feature_fraction"],
            "min_data_in_leaf": max(20, int(float(params["min_leaf_fraction"]) * rows)),
            "lambda_l2": 5.0,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "max_bin": 127,
            "seed": self.run.seed,
            "num_threads": self.run.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }

    def load(self, path: Path) -> TreeSet:
        return TreeSet(*(LightGbmTrees(lgb.Booster(model_str=text)) for text in saved_texts(path)))


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
    """Goes left where x <= threshold, a float64; see largest_float32_at_most. The prior is inside the first tree's leaves."""
    tree_ids: list[int] = []
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

    trees = booster.dump_model()["tree_info"]
    for tree, info in enumerate(trees):
        add(tree, info["tree_structure"])
    return Forest(
        mode="BRANCH_LEQ",
        base=np.zeros(1, dtype=np.float32),
        tree=np.array(tree_ids, dtype=np.int64),
        tree_weights=np.ones((len(trees), 1), dtype=np.float32),
        feature=np.array(features, dtype=np.int64),
        threshold=np.array(thresholds, dtype=np.float32),
        left=np.array(lefts, dtype=np.int64),
        right=np.array(rights, dtype=np.int64),
        missing_left=np.array(missing, dtype=np.bool_),
        leaf=np.array(leaves, dtype=np.float32),
    )
