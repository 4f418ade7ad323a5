"""An exported model computes what its library computes, above all where a value lies exactly at a threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest

from training.calibration import Calibration
from training.dataset import F32, F64, Dataset
from training.trainers.forest import Forest, forest_to_onnx, largest_float32_at_most, threshold_probes
from training.trainers.parity import TOLERANCE, ParityError, check_parity
from training.trainers.train_lightgbm import LightGbmTrainer, LightGbmTrees
from training.trainers.train_xgboost import XgBoostTrainer
from training.trainers.trainer import Examples, Run
from training.trainers.tree_set import Trees, TreeSet

CALIBRATION = Calibration("vector_scaling", side_scale=0.8, move_scale=1.1, move_shift=0.1)
TRAINERS: dict[str, Callable[[Run], LightGbmTrainer | XgBoostTrainer]] = {"lightgbm": LightGbmTrainer, "xgboost": XgBoostTrainer}


@pytest.fixture(scope="module", params=sorted(TRAINERS))
def fitted(request: pytest.FixtureRequest, data: Dataset) -> tuple[str, TreeSet, Forest]:
    trainer = TRAINERS[request.param](Run(seed=7, threads=1))
    examples = Examples(data, data.targets[6], np.arange(0, len(data.ts), 2))
    model = trainer.fit(trainer.candidates[0], examples, None, (20,) * 4)
    return request.param, model, model.forest()


def walked(forest: Forest, inputs: F32) -> F64:
    """[n, 3] by walking the arrays in plain numpy: owes nothing to any library."""
    margins = np.tile(forest.base.astype(np.float64), (len(inputs), 1))
    rows = np.arange(len(inputs))
    for tree, root in enumerate(np.flatnonzero(np.r_[True, np.diff(forest.tree) != 0])):
        at = np.full(len(inputs), root)
        while (inner := forest.feature[at] >= 0).any():
            x, t = inputs[rows, np.maximum(forest.feature[at], 0)], forest.threshold[at]
            goes_left = x <= t if forest.mode == "BRANCH_LEQ" else x < t
            at = np.where(inner, np.where(goes_left, forest.left[at], forest.right[at]), at)
        margins += forest.leaf[at][:, None] * forest.tree_weights[tree]
    return margins


def test_parity_at_one_ulp_around_every_threshold(fitted: tuple[str, TreeSet, Forest], data: Dataset) -> None:
    _, model, forest = fitted
    parity = check_parity(model, model.export(CALIBRATION), CALIBRATION, data.features[:10_000], seed=7)
    assert parity.probe_rows == 3 * (forest.feature >= 0).sum() > 500
    assert parity.rows >= 10_000
    assert parity.max_abs_difference <= TOLERANCE / 10


def test_every_probe_sits_at_its_own_split(fitted: tuple[str, TreeSet, Forest], data: Dataset) -> None:
    """The two probes on either side of a threshold end in different leaves of that tree: the split was really reached."""
    _, _, forest = fitted
    probes = threshold_probes(forest, data.features[:2_000], 7, 10**6)
    inner = np.flatnonzero(forest.feature >= 0)
    below, above = probes[0::3], probes[2::3]
    x = below[np.arange(len(inner)), forest.feature[inner]]
    assert (x < forest.threshold[inner]).all()
    roots = np.flatnonzero(np.r_[True, np.diff(forest.tree) != 0])
    parted = 0
    for i, node in enumerate(inner):
        passed = []
        for row in (below[i], above[i]):
            at, seen = int(roots[forest.tree[node]]), set()
            while forest.feature[at] >= 0:
                seen.add(at)
                value, t = row[forest.feature[at]], forest.threshold[at]
                at = int(forest.left[at] if (value <= t if forest.mode == "BRANCH_LEQ" else value < t) else forest.right[at])
            passed.append((int(node) in seen, at))
        assert passed[0][0] and passed[1][0]
        parted += passed[0][1] != passed[1][1]
    assert parted == len(inner)


def test_arrays_say_what_the_library_computes(fitted: tuple[str, TreeSet, Forest], data: Dataset) -> None:
    _, model, forest = fitted
    probes = model.probe_inputs(data.features[:2_000], 9, 3_000)
    assert np.abs(walked(forest, probes) - model.margins(probes)).max() < 1e-5


def test_a_wrong_split_rule_is_refused(fitted: tuple[str, TreeSet, Forest], data: Dataset) -> None:
    _, model, forest = fitted
    wrong = replace(forest, mode="BRANCH_LT" if forest.mode == "BRANCH_LEQ" else "BRANCH_LEQ")
    with pytest.raises(ParityError):
        check_parity(model, forest_to_onnx(wrong, CALIBRATION), CALIBRATION, data.features[:1_000], seed=7)


@pytest.fixture(scope="module")
def lightgbm_model(data: Dataset) -> TreeSet:
    trainer = LightGbmTrainer(Run(seed=7, threads=1))
    return trainer.fit(trainer.candidates[0], Examples(data, data.targets[6], np.arange(0, len(data.ts), 2)), None, (20,) * 4)


def test_naive_rounding_of_lightgbm_thresholds_is_refused(lightgbm_model: TreeSet) -> None:
    """Right on random rows, wrong at the thresholds: the error that random data never shows."""
    forest = lightgbm_model.forest()
    exact = [node["threshold"] for trees in _forests(lightgbm_model) for node in _nodes(trees)]
    naive = forest.threshold.copy()
    naive[forest.feature >= 0] = np.array(exact).astype(np.float32)
    wrong = replace(forest, threshold=naive)
    rows = np.random.default_rng(1).normal(size=(10_000, 49)).astype(np.float32)
    assert np.abs(walked(wrong, rows) - lightgbm_model.margins(rows)).max() < 1e-5
    with pytest.raises(ParityError):
        check_parity(lightgbm_model, forest_to_onnx(wrong, CALIBRATION), CALIBRATION, rows, seed=7)


def test_lightgbm_reads_what_is_next_to_zero_as_zero(lightgbm_model: TreeSet, data: Dataset) -> None:
    """Splits beside zero have thresholds of ±1e-35, where comparing as written goes astray on one side."""
    forest = lightgbm_model.forest()
    beside_zero = np.flatnonzero((forest.feature >= 0) & (np.abs(forest.threshold) < 1e-30))
    assert len(beside_zero) > 0
    tiny = np.array([0.0, -0.0, 1e-40, -1e-40, 1e-35, -1e-35, 1.0001e-35, -1.0001e-35], dtype=np.float32)
    rows = data.features[:100].repeat(len(tiny), axis=0)
    for feature in np.unique(forest.feature[beside_zero]):
        rows[:, feature] = np.tile(tiny, 100)
        assert np.abs(walked(forest, rows) - lightgbm_model.margins(rows)).max() < 1e-5


def _forests(model: TreeSet) -> tuple[Trees, ...]:
    return (model.move, model.side, model.expected, model.range)


def _nodes(trees: Trees) -> list[dict[str, Any]]:
    """Inner nodes in the order in which lightgbm_forest lists them: root, left branch, right branch."""

    def walk(node: dict[str, Any]) -> list[dict[str, Any]]:
        return [node, *walk(node["left_child"]), *walk(node["right_child"])] if "split_feature" in node else []

    assert isinstance(trees, LightGbmTrees)
    return [node for tree in trees.booster.dump_model()["tree_info"] for node in walk(tree["tree_structure"])]


def test_largest_float32_at_most_keeps_every_comparison() -> None:
    rng = np.random.default_rng(8)
    values = np.r_[rng.normal(size=5_000) * 10.0 ** rng.integers(-8, 6, 5_000), 0.0, 1e-40, -1e-40]
    for value in values:
        t = largest_float32_at_most(float(value))
        assert float(t) <= value < float(np.nextafter(t, np.float32(np.inf), dtype=np.float32))


def test_graph_shows_the_probabilities_alone_and_no_trace_of_its_making(
    fitted: tuple[str, TreeSet, Forest],
) -> None:
    _, model, _ = fitted
    body = model.export(CALIBRATION)
    graph = onnx.load_from_string(body)
    assert [o.name for o in graph.graph.output] == ["answers"]
    assert [i.name for i in graph.graph.input] == ["features"]
    assert {o.domain: o.version for o in graph.opset_import} == {"": 17, "ai.onnx.ml": 5}
    assert not graph.metadata_props and not graph.producer_name and not graph.doc_string
    assert body == model.export(CALIBRATION)
