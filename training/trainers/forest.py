"""Boosted trees as plain arrays, their ONNX graph, and the inputs that would betray a wrong one.

Written by hand with onnx.helper because every converter tried rounds LightGBM's float64 thresholds to the nearest float32:
right on random data, wrong on most rows that lie exactly at a threshold, and recorded prices lie there often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from training.calibration import RANGE_FLOOR, Calibration
from training.dataset import F32, FEATURES, I64, Mask
from training.trainers.trainer import INPUT_NAMES, OUTPUT_NAME

OPSET = {"ai.onnx": 17, "ai.onnx.ml": 3}  # ONNX Runtime 1.30 computes the softmax of ai.onnx.ml 5 wrongly
IR_VERSION = 8


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
    """features [N, 49] → TreeEnsembleClassifier → margins → calibration → answers [N, 5]."""
    first_of_tree = np.flatnonzero(np.r_[True, np.diff(forest.tree) != 0])
    local = np.arange(len(forest.tree)) - first_of_tree[forest.tree]
    is_leaf = forest.feature < 0
    leaf_at, leaf_class = np.nonzero(forest.tree_weights[forest.tree] * is_leaf[:, None])
    leaf_weights = forest.tree_weights[forest.tree[leaf_at], leaf_class] * forest.leaf[leaf_at]
    base_of = first_of_tree[forest.tree]
    trees = helper.make_node(
        "TreeEnsembleClassifier",
        [INPUT_NAMES["tabular"]],
        ["label", "margins"],
        domain="ai.onnx.ml",
        post_transform="NONE",
        classlabels_int64s=[0, 1, 2, 3, 4],
        base_values=forest.base.tolist(),
        nodes_treeids=forest.tree.tolist(),
        nodes_nodeids=local.tolist(),
        nodes_modes=["LEAF" if leaf else forest.mode for leaf in is_leaf],
        nodes_featureids=np.maximum(forest.feature, 0).tolist(),
        nodes_values=forest.threshold.tolist(),
        nodes_truenodeids=np.where(is_leaf, 0, forest.left - base_of).tolist(),
        nodes_falsenodeids=np.where(is_leaf, 0, forest.right - base_of).tolist(),
        nodes_missing_value_tracks_true=forest.missing_left.astype(np.int64).tolist(),
        class_treeids=forest.tree[leaf_at].tolist(),
        class_nodeids=local[leaf_at].tolist(),
        class_ids=leaf_class.tolist(),
        class_weights=leaf_weights.tolist(),
    )
    graph = helper.make_graph(
        [trees, *calibration_nodes("margins")],
        "model",
        [helper.make_tensor_value_info(INPUT_NAMES["tabular"], TensorProto.FLOAT, ["N", FEATURES])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", 5])],
        calibration_tensors(calibration),
    )
    opsets = [helper.make_opsetid("" if domain == "ai.onnx" else domain, v) for domain, v in OPSET.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


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
