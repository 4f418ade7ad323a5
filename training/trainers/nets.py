"""What the two nets share: the scaler, the heads, how they learn, and their export.

A net reads [N, 96, 8] and learns what the trees learn from one body with four outputs. Windows are gathered per batch from
the dataset's rows: all of them at once would take 96 times the memory.
"""

from __future__ import annotations

import copy
import io
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.calibration import Calibration
from training.dataset import F32, F64, I64, SEQUENCE_COLUMNS, SEQUENCE_STEPS, Dataset
from training.trainers.forest import IR_VERSION, OPSET, calibration_nodes, calibration_tensors
from training.trainers.trainer import INPUT_NAMES, OUTPUT_NAME, Examples, Params, Run, Space, library_versions, parts_of
from training.trainers.tree_set import EXPECTED, MOVE, RANGE, SHARED_BY_TWO, SIDE

MAX_EPOCHS = 10
PATIENCE = 1
BATCH_ROWS = 256
FORWARD_ROWS = 512  # larger batches leave the cache and are slower
STOP_STRIDE = 5  # the stop part is watched on every fifth row: neighbouring windows share 95 of 96 bars
SCALER_ROWS = 200_000
CLIP_QUANTILES = (0.001, 0.999)
AVERAGE_DECAY = 0.99  # weights are averaged over about 100 steps, so that no learning-rate schedule must know the end
GRADIENT_NORM_MAX = 1.0

# (body parameters, horizon in bars) → [N, 96, 8] scaled → [N, 4] logits of move and side, expected move and range
BodyBuilder = Callable[[Params, int], nn.Module]


class Scaler(nn.Module):
    """Per column: cut off at the outer thousandths of the training part, then standardised. [N, 96, 8] → [N, 96, 8]

    Inside the net, so that serving cannot scale otherwise; and whatever the input, the body sees a bounded one.
    """

    def __init__(self) -> None:
        super().__init__()
        for name in ("low", "middle"):
            self.register_buffer(name, torch.zeros(SEQUENCE_COLUMNS))
        for name in ("high", "inverse_spread"):
            self.register_buffer(name, torch.ones(SEQUENCE_COLUMNS))

    def learn(self, values: F32) -> None:
        """values [n, 8]. A column without spread becomes 0 everywhere."""
        low, high = np.quantile(values, CLIP_QUANTILES, axis=0)
        cut = np.clip(values.astype(np.float64), low, high)
        spread = cut.std(axis=0)
        found = {"low": low, "high": high, "middle": cut.mean(axis=0), "inverse_spread": (spread > 0) / np.maximum(spread, 1e-12)}
        self.load_state_dict({name: torch.tensor(value, dtype=torch.float32) for name, value in found.items()})

    def forward(self, x: Tensor) -> Tensor:
        # On whole windows, a row each: by columns, eight values at a time, ONNX Runtime takes nine times as long.
        low, high, middle, inverse_spread = (
            torch.cat([self.get_buffer(name)] * SEQUENCE_STEPS) for name in ("low", "high", "middle", "inverse_spread")
        )
        cut = torch.minimum(torch.maximum(x.reshape(-1, low.shape[0]), low), high)
        return ((cut - middle) * inverse_spread).reshape(-1, SEQUENCE_STEPS, SEQUENCE_COLUMNS)


class Net(nn.Module):
    """Scaler, body, and the margins that trees have. [N, 96, 8] → [N, 5]"""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.scaler = Scaler()
        self.body = body
        self.register_buffer("to_margins", torch.tensor(np.stack([MOVE, SIDE, EXPECTED, RANGE])))  # [4, 5]
        self.register_buffer("base", torch.tensor(-SHARED_BY_TWO * MOVE))
        self.register_buffer("prior", torch.zeros(4))  # the training part's means: of move and side as logits

    def heads(self, x: Tensor) -> Tensor:
        """[N, 96, 8] → [N, 4]"""
        scores: Tensor = self.body(self.scaler(x))
        return scores + self.get_buffer("prior")

    def forward(self, x: Tensor) -> Tensor:
        return self.heads(x) @ self.get_buffer("to_margins") + self.get_buffer("base")


@dataclass(frozen=True)
class FittedNet:
    net: Net
    params: Params
    horizon_bars: int
    epochs: int

    @property
    def rounds(self) -> tuple[int, ...]:
        return (self.epochs,)

    def margins(self, inputs: F32) -> F64:
        self.net.eval()
        chunks = []
        with torch.no_grad():
            for at in range(0, len(inputs), FORWARD_ROWS):
                chunks.append(self.net(torch.from_numpy(inputs[at : at + FORWARD_ROWS])).numpy())
        return np.concatenate(chunks).astype(np.float64) if chunks else np.empty((0, 5))

    def export(self, calibration: Calibration) -> bytes:
        return net_to_onnx(self.net, calibration)

    def probe_inputs(self, base: F32, seed: int, limit: int) -> F32:
        return scaler_probes(self.net.scaler, base, seed)[:limit]

    def save(self, path: Path) -> None:
        about = {"params": self.params, "horizonBars": self.horizon_bars, "epochs": self.epochs}
        with path.open("wb") as file:
            np.savez(file, about=json.dumps(about), **{name: value.numpy() for name, value in self.net.state_dict().items()})


@dataclass(frozen=True)
class NetTrainer:
    run: Run
    name: str
    candidates: tuple[Params, ...]
    build_body: BodyBuilder
    kind: str = "sequence"
    revision: int = 3

    @property
    def space(self) -> Space:
        return {}

    def libraries(self) -> dict[str, str]:
        return library_versions(torch, np)

    def fit(self, params: Params, fit: Examples, stop: Examples | None, rounds: tuple[int, ...] | None) -> FittedNet:
        self._make_repeatable()
        net = self._build(params, fit.targets.horizon_bars)
        targets = _targets(fit, params)
        net.scaler.learn(_columns(fit.data, _evenly(fit.rows, SCALER_ROWS)))
        net.get_buffer("prior").copy_(_prior(targets, fit.weight))
        watched = None if stop is None else Examples(stop.data, stop.targets, stop.rows[::STOP_STRIDE])
        blend = get_ema_multi_avg_fn(AVERAGE_DECAY)  # type: ignore[no-untyped-call]
        average = AveragedModel(net, multi_avg_fn=blend, use_buffers=True)
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=float(params["learning_rate"]), weight_decay=float(params["weight_decay"])
        )
        best, best_loss, best_epoch = copy.deepcopy(net), float("inf"), 0
        for epoch in range(1, 1 + (rounds[0] if rounds else MAX_EPOCHS)):
            _run_epoch(net, average, optimizer, fit, targets, epoch_order(len(fit.rows), params, self.run.seed, epoch))
            averaged = _averaged(average)
            loss = -float(epoch) if watched is None else _loss(averaged, watched, _targets(watched, params))
            print(f"    {self.name} epoch {epoch}" + ("" if watched is None else f": stop loss {loss:.5f}"), flush=True)
            if loss < best_loss:
                best, best_loss, best_epoch = averaged, loss, epoch
            elif epoch - best_epoch >= PATIENCE:
                break
        return FittedNet(best.eval(), params, fit.targets.horizon_bars, best_epoch)

    def load(self, path: Path) -> FittedNet:
        self._make_repeatable()
        with np.load(path) as saved:
            about = json.loads(str(saved["about"]))
            net = self._build(about["params"], about["horizonBars"])
            net.load_state_dict({name: torch.tensor(saved[name]) for name in net.state_dict()})
        return FittedNet(net.eval(), about["params"], about["horizonBars"], about["epochs"])

    def _build(self, params: Params, horizon_bars: int) -> Net:
        return Net(self.build_body(params, horizon_bars))

    def _make_repeatable(self) -> None:
        torch.manual_seed(self.run.seed)
        torch.set_num_threads(self.run.threads)
        torch.use_deterministic_algorithms(True)


def epoch_order(length: int, params: Params, seed: int, epoch: int) -> I64:
    """Positions an epoch learns from, shuffled: another random share each time, as neighbouring rows are nearly the same."""
    order = np.random.default_rng([seed, epoch]).permutation(length)
    return order[: max(1, int(length * float(params["epoch_share"])))]


def _run_epoch(
    net: Net, average: AveragedModel, optimizer: torch.optim.Optimizer, fit: Examples, targets: Tensor, order: I64
) -> None:
    net.train()
    weight = torch.from_numpy(fit.weight)
    for at in range(0, len(order), BATCH_ROWS):
        batch = order[at : at + BATCH_ROWS]
        if len(batch) < 2:  # batch normalisation has nothing to normalise one row by
            break
        x = torch.from_numpy(fit.data.inputs("sequence", fit.rows[batch]))
        losses = _losses(net.heads(x), targets[batch])
        loss = (losses * weight[batch]).sum() / weight[batch].sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), GRADIENT_NORM_MAX)
        optimizer.step()
        average.update_parameters(net)


def _averaged(average: AveragedModel) -> Net:
    """A copy that further steps leave alone."""
    net = copy.deepcopy(average.module)
    if not isinstance(net, Net):
        raise TypeError("the average is of another module")
    return net


def _losses(heads: Tensor, targets: Tensor) -> Tensor:
    """[n] both classifications in nats, both regressions as half squared errors."""
    classes = binary_cross_entropy_with_logits(heads[:, :2], targets[:, :2], reduction="none").sum(dim=1)
    return classes + (heads[:, 2:] - targets[:, 2:]).square().sum(dim=1) / 2


def _loss(net: Net, examples: Examples, targets: Tensor) -> float:
    net.eval()
    weight = torch.from_numpy(examples.weight).double()
    with torch.no_grad():
        heads = torch.cat([net.heads(x) for x in _batches(examples)]).double()
    losses = _losses(heads, targets.double())
    return float((losses * weight).sum() / weight.sum())


def _batches(examples: Examples) -> Iterator[Tensor]:
    for at in range(0, len(examples.rows), FORWARD_ROWS):
        yield torch.from_numpy(examples.data.inputs("sequence", examples.rows[at : at + FORWARD_ROWS]))


def _targets(examples: Examples, params: Params) -> Tensor:
    """[n, 4] in the order of the parts"""
    return torch.from_numpy(np.stack([part.target(examples) for part in parts_of(float(params["market_kept"]))], axis=1))


def _prior(targets: Tensor, weight: F32) -> Tensor:
    w = torch.from_numpy(weight).double()[:, None]
    means = (targets.double() * w).sum(dim=0) / w.sum()
    return torch.cat([torch.logit(means[:2], eps=1e-3), means[2:]]).float()


def _columns(data: Dataset, rows: I64) -> F32:
    """[n, 8]"""
    return data.features[rows][:, data.sequence_columns]


def _evenly(rows: I64, count: int) -> I64:
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), count)).astype(np.int64)]


def net_to_onnx(net: Net, calibration: Calibration) -> bytes:
    """sequence [N, 96, 8] → scaler → net → margins → calibration → answers [N, 5].

    The tracing exporter needs no further package, and without its notes on where it was run it writes the same bytes always.
    """
    body = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net.eval(),
            (torch.zeros(2, SEQUENCE_STEPS, SEQUENCE_COLUMNS),),
            body,  # type: ignore[arg-type]
            input_names=[INPUT_NAMES["sequence"]],
            output_names=["margins"],
            dynamic_axes={INPUT_NAMES["sequence"]: {0: "N"}, "margins": {0: "N"}},
            opset_version=OPSET["ai.onnx"],
            dynamo=False,
        )
    traced = onnx.load_from_string(body.getvalue()).graph
    for node in traced.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    graph = helper.make_graph(
        [*traced.node, *calibration_nodes("margins")],
        "model",
        [helper.make_tensor_value_info(INPUT_NAMES["sequence"], TensorProto.FLOAT, ["N", SEQUENCE_STEPS, SEQUENCE_COLUMNS])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", 5])],
        [*traced.initializer, *calibration_tensors(calibration)],
    )
    opsets = [helper.make_opsetid("", OPSET["ai.onnx"])]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def scaler_probes(scaler: Scaler, base: F32, seed: int) -> F32:
    """[probes, 96, 8]: where scaler and net are most likely to differ: nothing but zeros, the largest floats, every column
    exactly at its cut and one float32 to either side, one spike in a real row, and real rows far beyond the cut."""
    rng = np.random.default_rng(seed)
    largest = np.finfo(np.float32).max
    shape = (1, SEQUENCE_STEPS, SEQUENCE_COLUMNS)
    probes = [np.full(shape, value, dtype=np.float32) for value in (0.0, -0.0, 1e-40, largest, -largest)]
    for name in ("low", "high"):
        edge = scaler.get_buffer(name).numpy()
        for towards in (-np.inf, None, np.inf):
            at = edge if towards is None else np.nextafter(edge, np.float32(towards))
            probes.append(np.broadcast_to(at, shape))
            for column in range(SEQUENCE_COLUMNS):
                row = base[rng.integers(0, len(base))][None].copy()
                row[:, :, column] = at[column]
                probes.append(row)
    for value in (0.0, 1e6, -1e6, largest, -largest):
        for step in range(SEQUENCE_STEPS):
            row = base[rng.integers(0, len(base))][None].copy()
            row[:, step, rng.integers(0, SEQUENCE_COLUMNS)] = value
            probes.append(row)
    for factor in (-1.0, 10.0, 1e3, 1e10):
        probes.append(base[rng.integers(0, len(base), 128)] * np.float32(factor))
    probes = [probes[i] for i in rng.permutation(len(probes))]  # so that any first few are of every sort
    return np.ascontiguousarray(np.concatenate(probes), dtype=np.float32)
