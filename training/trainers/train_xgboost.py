"""XGBoost: depth-wise histogram trees, a second opinion on the same columns as LightGBM."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

from training.dataset import F32, F64
from training.trainers.forest import Forest
from training.trainers.trainer import Examples, Params, Part, Run, Space, library_versions, parts_of
from training.trainers.tree_set import MAX_ROUNDS, TreeSet, rounds_without_stop, saved_texts

PATIENCE = 20
MAX_BIN = 128


@dataclass(frozen=True)
class XgBoostTrees:
    booster: xgb.Booster

    @property
    def rounds(self) -> int:
        return int(self.booster.num_boosted_rounds())

    def scores(self, inputs: F32) -> F64:
        # A float32 matrix, as XGBoost compares in float32.  [n, 49] → [n]
        return np.asarray(self.booster.predict(xgb.DMatrix(inputs), output_margin=True), dtype=np.float64)

    def forest(self) -> Forest:
        return xgboost_forest(self.booster)

    def text(self) -> str:
        return bytes(self.booster.save_raw("json")).decode("utf-8")


@dataclass(frozen=True)
class XgBoostTrainer:
    run: Run
    name: str = "xgboost"
    kind: str = "tabular"
    revision: int = 4
    candidates: tuple[Params, ...] = (
        {
            "max_depth": 5,
            "eta": 0.06,
            "min_leaf_fraction": 1e-3,
            "colsample_bynode": 0.5,
            "market_kept": 0.3,
            "regression_rounds": 120,
        },
    )

    @property
    def space(self) -> Space:
        return {
            "max_depth": (3, 7),
            "eta": (0.02, 0.12),
            "min_leaf_fraction": (3e-4, 5e-3),
            "colsample_bynode": (0.25, 0.8),
            "market_kept": (0.0, 0.6),
            "regression_rounds": (60, 300),
        }

    def libraries(self) -> dict[str, str]:
        return library_versions(xgb, np)

    def fit(self, params: Params, fit: Examples, stop: Examples | None, rounds: tuple[int, ...] | None) -> TreeSet:
        kept = float(params["market_kept"])
        fit_inputs = fit.inputs(self.kind)  # [n, 49]
        stop_inputs = None if stop is None else stop.inputs(self.kind)
        trees = []
        for number, part in enumerate(parts_of(kept)):
            settings = self._settings(params, part, float(fit.weight.sum()))
            train = xgb.QuantileDMatrix(fit_inputs, part.target(fit), weight=fit.weight, max_bin=MAX_BIN)
            if stop is None or not part.is_binary:
                booster = xgb.train(
                    settings, train, num_boost_round=rounds[number] if rounds else rounds_without_stop(params, part)
                )
            else:
                watch = xgb.QuantileDMatrix(stop_inputs, part.target(stop), weight=stop.weight, max_bin=MAX_BIN, ref=train)
                booster = xgb.train(
                    settings,
                    train,
                    num_boost_round=MAX_ROUNDS,
                    evals=[(watch, "stop")],
                    early_stopping_rounds=PATIENCE,
                    verbose_eval=False,
                )
                booster = booster[: int(booster.best_iteration) + 1]
            trees.append(XgBoostTrees(booster))
        return TreeSet(*trees)

    def _settings(self, params: Params, part: Part, weight: float) -> dict[str, Any]:
        return {
            "objective": "binary:logistic" if part.is_binary else "reg:squarederror",
            "eval_metric": "logloss" if part.is_binary else "rmse",
            "tree_method": "hist",
            "max_bin": MAX_BIN,
            "max_depth": params["max_depth"],
            "eta": params["eta"],
            "colsample_bynode": params["colsample_bynode"],
            # A sum of hessians: about a quarter of the weight per row in a classification, all of it in a regression.
            "min_child_weight": max(1.0, float(params["min_leaf_fraction"]) * weight / (4 if part.is_binary else 1)),
            "lambda": 5.0,
            "subsample": 0.7,
            "seed": self.run.seed,
            "nthread": self.run.threads,
        }

    def load(self, path: Path) -> TreeSet:
        texts = (text.encode("utf-8") for text in saved_texts(path))
        return TreeSet(*(XgBoostTrees(xgb.Booster(model_file=bytearray(text))) for text in texts))


def xgboost_forest(booster: xgb.Booster) -> Forest:
    """Goes left where x < split_condition, a float32. The trees add to base_score, or its logit if a probability."""
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    model = learner["gradient_booster"]["model"]
    is_binary = learner["objective"]["name"] == "binary:logistic"
    base_score = np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float64).ravel()
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
        base=(np.log(base_score / (1 - base_score)) if is_binary else base_score).astype(np.float32),
        tree=np.array(columns["tree"], dtype=np.int64),
        tree_weights=np.ones((len(model["trees"]), 1), dtype=np.float32),
        feature=np.array(columns["feature"], dtype=np.int64),
        threshold=np.array(columns["threshold"], dtype=np.float32),
        left=np.array(columns["left"], dtype=np.int64),
        right=np.array(columns["right"], dtype=np.int64),
        missing_left=np.array(columns["missing"], dtype=np.bool_),
        leaf=np.array(columns["leaf"], dtype=np.float32),
    )
