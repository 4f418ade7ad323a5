"""Boosted trees as plain arrays, their ONNX graph, and the inputs that would betray a wrong one.

Written by hand with onnx.helper because every converter tried rounds LightGBM's float64 thresholds to the nearest float32:
right on random data, wrong on most rows that lie exactly at a threshold, and recorded prices lie there often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.calibration import RANGE_FLOOR, Calibration
from training.dataset import F32, FEATURES, I64, Mask
from training.trainers.trainer import INPUT_NAMES, OUTPUT_NAME

OPSET = {"ai.onnx": 17, "ai.onnx.ml": 5}  # of its transforms none is used: ONNX Runtime 1.30 computes the softmax wrongly
IR_VERSION = 8
MODES = {"BRANCH_LEQ": 0, "BRANCH_LT": 1}
SUM = 1
NO_TRANSFORM = 0


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees, tree after tree, each tree's root first; every array is [nodes]."""

    mode: str  # BRANCH_LEQ: x <= t goes left; BRANCH_LT: x < t goes left
    base: F32  # [classes] added to the sum of the leaves
    tree: I64
    tree_weights: F32  # [trees, classes] what a tree's leaf adds to each class, times the leaf
    feature: I64  # −1 in a leaf
    threshold: F32
    left: I64  # position within all nodes; −1 in a leaf
    right: I64
    missing_left: Mask
    leaf: F32


def largest_float32_at_most(value: float) -> np.float32:
    """For float32 x: x <= value exactly when x <= this. The nearest float32 may lie above, and then x = it goes astray."""
    nearest = np.float32(value)
    return nearest if float(nearest) <= value else np.nextafter(nearest, np.float32(-np.inf), dtype=np.float32)


def forest_to_onnx(forest: Forest, calibration: Calibration) -> bytes:
    """features [N, 49] → one TreeEnsemble for each kind of tree weights → margins → calibration → answers [N, 5].

    One sum at a time is the cheapest that ONNX Runtime has, and each ensemble stays in the cache of a core. With inner nodes and
    leaves in lists of their own a model has a third of the bytes that it has in ai.onnx.ml 3, and loads in half the time.
    """
    weights, kind_of_tree = np.unique(forest.tree_weights, axis=0, return_inverse=True)  # [kinds, 5], [trees]
    sums = [f"sum_{kind}" for kind in range(len(weights))]
    ensembles = [_tree_ensemble(forest, kind_of_tree.ravel()[forest.tree] == kind, name) for kind, name in enumerate(sums)]
    graph = helper.make_graph(
        [
            *ensembles,
            helper.make_node("Concat", sums, ["sums"], axis=1),
            helper.make_node("Gemm", ["sums", "tree_weights", "tree_base"], ["margins"]),
            *calibration_nodes("margins"),
        ],
        "model",
        [helper.make_tensor_value_info(INPUT_NAMES["tabular"], TensorProto.FLOAT, ["N", FEATURES])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", 5])],
        [
            helper.make_tensor("tree_weights", TensorProto.FLOAT, weights.shape, weights.ravel().tolist()),
            helper.make_tensor("tree_base", TensorProto.FLOAT, forest.base.shape, forest.base.tolist()),
            *calibration_tensors(calibration),
        ],
    )
    opsets = [helper.make_opsetid("" if domain == "ai.onnx" else domain, v) for domain, v in OPSET.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _tree_ensemble(forest: Forest, chosen: Mask, output: str) -> onnx.NodeProto:
    """[N, 1] the sum of the leaves that a row reaches in the trees of the chosen nodes."""
    chosen_leaves, inner = np.flatnonzero(chosen & (forest.feature < 0)), np.flatnonzero(chosen & (forest.feature >= 0))
    # The format has no tree without a split: one leaf becomes two alike.
    lone = chosen_leaves[np.bincount(forest.tree)[forest.tree[chosen_leaves]] == 1]
    leaves = np.r_[chosen_leaves, lone]
    number = np.empty(len(forest.tree), dtype=np.int64)
    number[inner] = np.arange(len(inner))
    number[chosen_leaves] = np.arange(len(chosen_leaves))
    children = {
        "true": np.r_[forest.left[inner], lone],
        "false": np.r_[forest.right[inner], lone],
    }
    to = {side: number[nodes] for side, nodes in children.items()}
    to["false"][len(inner) :] = len(chosen_leaves) + np.arange(len(lone))
    first_of_tree = np.flatnonzero(np.r_[True, np.diff(forest.tree) != 0])
    roots = np.r_[number[np.intersect1d(first_of_tree, inner)], len(inner) + np.arange(len(lone))]
    zeros = np.zeros(len(lone), dtype=np.int64)
    splits = np.r_[forest.threshold[inner], zeros.astype(np.float32)]
    missing = np.r_[forest.missing_left[inner].astype(np.int64), zeros]
    modes = np.full(len(splits), MODES[forest.mode], dtype=np.uint8)
    return helper.make_node(
        "TreeEnsemble",
        [INPUT_NAMES["tabular"]],
        [output],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=SUM,
        post_transform=NO_TRANSFORM,
        tree_roots=roots.tolist(),
        nodes_featureids=np.r_[forest.feature[inner], zeros].tolist(),
        nodes_splits=numpy_helper.from_array(splits, "splits"),
        nodes_modes=numpy_helper.from_array(modes, "modes"),
        nodes_truenodeids=to["true"].tolist(),
        nodes_falsenodeids=to["false"].tolist(),
        nodes_trueleafs=(forest.feature[children["true"]] < 0).astype(np.int64).tolist(),
        nodes_falseleafs=(forest.feature[children["false"]] < 0).astype(np.int64).tolist(),
        **({"nodes_missing_value_tracks_true": missing.tolist()} if missing.any() else {}),
        leaf_targetids=np.zeros(len(leaves), dtype=np.int64).tolist(),
        leaf_weights=numpy_helper.from_array(forest.leaf[leaves], "weights"),
    )


def calibration_nodes(margins: str) -> list[onnx.NodeProto]:
    """Nodes from margins [N, 5] to the calibrated output; every model's graph ends with them."""
    return [
        helper.make_node("Split", [margins, "calibration_parts"], ["scores", "expected", "range"], axis=1),
        helper.make_node("MatMul", ["scores", "calibration_matrix"], ["scaled"]),
        helper.make_node("Add", ["scaled", "calibration_shift"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("Mul", ["expected", "expected_scale"], ["expected_move"]),
        helper.make_node("Max", ["range", "range_floor"], ["floored_range"]),
        helper.make_node("Mul", ["floored_range", "deviation_scale"], ["move_deviation"]),
        helper.make_node("Concat", ["probabilities", "expected_move", "move_deviation"], [OUTPUT_NAME], axis=1),
    ]


def calibration_tensors(calibration: Calibration) -> list[onnx.TensorProto]:
    return [
        helper.make_tensor("calibration_parts", TensorProto.INT64, [3], [3, 1, 1]),
        helper.make_tensor("expected_scale", TensorProto.FLOAT, [1], [calibration.expected_scale]),
        helper.make_tensor("deviation_scale", TensorProto.FLOAT, [1], [calibration.deviation_scale]),
        helper.make_tensor("range_floor", TensorProto.FLOAT, [1], [RANGE_FLOOR]),
        helper.make_tensor("calibration_matrix", TensorProto.FLOAT, [3, 3], calibration.matrix().ravel().tolist()),
        helper.make_tensor("calibration_shift", TensorProto.FLOAT, [3], calibration.shift().tolist()),
    ]


def threshold_probes(forest: Forest, base: F32, seed: int, limit: int) -> F32:
    """[probes, 49]: for every inner node (a sample of them beyond `limit`), real rows moved so that they reach the node,
    with the feature it splits on exactly at the threshold, one float32 below and one above.

    A probe that never reaches its node would prove nothing about it, so the features on the path are set as well.
    """
    rng = np.random.default_rng(seed)
    parent = np.full(len(forest.tree), -1, dtype=np.int64)
    inner = np.flatnonzero(forest.feature >= 0)
    parent[forest.left[inner]] = inner
    parent[forest.right[inner]] = inner
    nodes = inner if 3 * len(inner) <= limit else np.sort(rng.choice(inner, limit // 3, replace=False))
    probes = base[rng.integers(0, len(base), len(nodes))].repeat(3, axis=0)  # [3 × nodes, 49]
    for i, node in enumerate(nodes):
        row = _reaching(forest, parent, int(node), probes[3 * i])
        probes[3 * i : 3 * i + 3] = row
        at = forest.threshold[node]
        below = np.nextafter(at, np.float32(-np.inf), dtype=np.float32)
        above = np.nextafter(at, np.float32(np.inf), dtype=np.float32)
        probes[3 * i : 3 * i + 3, forest.feature[node]] = (below, at, above)
    return probes


def _reaching(forest: Forest, parent: I64, node: int, row: F32) -> F32:
    """The row with as few features changed as it takes to pass every split above the node on the right side."""
    low: dict[int, np.float32] = {}
    high: dict[int, np.float32] = {}
    child, at = node, int(parent[node])
    while at >= 0:
        feature, threshold = int(forest.feature[at]), forest.threshold[at]
        if forest.left[at] == child:
            limit = threshold if forest.mode == "BRANCH_LEQ" else np.nextafter(threshold, np.float32(-np.inf), dtype=np.float32)
            high[feature] = min(high.get(feature, limit), limit)
        else:
            limit = threshold if forest.mode == "BRANCH_LT" else np.nextafter(threshold, np.float32(np.inf), dtype=np.float32)
            low[feature] = max(low.get(feature, limit), limit)
        child, at = at, int(parent[at])
    reached = row.copy()
    for feature, limit in low.items():
        reached[feature] = max(reached[feature], limit)
    for feature, limit in high.items():
        reached[feature] = min(reached[feature], limit)
    return reached
