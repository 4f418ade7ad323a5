"""The nets read whole windows of one symbol, scale them inside their graph, and are exported to compute the same."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch.nn.functional import interpolate

from training.calibration import IDENTITY, Calibration
from training.dataset import F32, Dataset
from training.metrics import class_frequencies, log_loss
from training.trainers.nets import FittedNet, Net, NetTrainer, Scaler, epoch_order, net_to_onnx
from training.trainers.parity import TOLERANCE, ParityError, check_parity
from training.trainers.train_nhits import CANDIDATES as NHITS_CANDIDATES
from training.trainers.train_nhits import RATES, Block, NHits, interpolation, nhits_trainer
from training.trainers.train_patchtst import CANDIDATES as PATCHTST_CANDIDATES
from training.trainers.train_patchtst import PATCHES, PatchTst, patchtst_trainer
from training.trainers.trainer import Examples, Run

CALIBRATION = Calibration("vector_scaling", side_scale=0.8, move_scale=1.1, move_shift=0.1)
RUN = Run(seed=7, threads=1)
BODIES = {"nhits": (NHits, NHITS_CANDIDATES[0]), "patchtst": (PatchTst, PATCHTST_CANDIDATES[0])}
TRAINERS = {"nhits": nhits_trainer, "patchtst": patchtst_trainer}
ROOT = Path(__file__).resolve().parents[2]


def untrained(name: str, seed: int = 3) -> FittedNet:
    """A net with random weights whose scaler knows standard normal columns: exporting it is as hard as a trained one."""
    torch.manual_seed(seed)
    body, params = BODIES[name]
    net = Net(body(params, 12))
    net.scaler.learn(np.random.default_rng(seed).normal(size=(5_000, 8)).astype(np.float32))
    for norm in (m for m in net.modules() if isinstance(m, torch.nn.BatchNorm1d)):
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2.0)
    return FittedNet(net.eval(), params, 12, 1)


@pytest.fixture(scope="module", params=sorted(BODIES))
def model(request: pytest.FixtureRequest) -> FittedNet:
    return untrained(request.param)


def windows(data: Dataset, count: int) -> F32:
    return data.inputs("sequence", np.flatnonzero(data.has_sequence)[:: max(1, int(data.has_sequence.sum()) // count)][:count])


def test_windows_hold_96_bars_of_one_symbol_without_a_gap(data: Dataset) -> None:
    rows = np.flatnonzero(data.has_sequence)
    gathered = data.inputs("sequence", rows[::37])
    for row, window in zip(rows[::37], gathered, strict=True):
        before = np.arange(row - 95, row + 1)
        assert (data.symbol_index[before] == data.symbol_index[row]).all()
        assert (np.diff(data.ts[before]) == data.bar_ms).all()
        assert np.array_equal(window, data.features[before][:, data.sequence_columns])
    rejected = np.flatnonzero(~data.has_sequence)
    assert len(rejected) > 95 * len(data.symbols)
    for row in rejected[::11]:
        before = np.arange(row - 95, row + 1)
        whole = before[0] >= 0 and (data.symbol_index[before] == data.symbol_index[row]).all()
        assert not whole or not (np.diff(data.ts[before]) == data.bar_ms).all()


def test_scaler_cuts_and_standardises_inside_the_graph(model: FittedNet) -> None:
    scaler = model.net.scaler
    low, high = scaler.get_buffer("low").numpy(), scaler.get_buffer("high").numpy()
    assert (low < -2).all() and (high > 2).all()
    session = ort.InferenceSession(model.export(CALIBRATION))
    base = np.random.default_rng(1).normal(size=(20, 96, 8)).astype(np.float32)
    base[:, ::7] *= 50
    cut = np.clip(base, low, high)
    assert not np.array_equal(cut, base)
    assert np.array_equal(session.run(None, {"sequence": base})[0], session.run(None, {"sequence": cut})[0])
    # One float32 inside the cut is another input: the cut is where it was learnt, not merely nearby.
    inside = np.nextafter(high, np.float32(-np.inf))
    x = torch.from_numpy(np.stack([np.tile(high, (96, 1)), np.tile(inside, (96, 1))]))
    scaled = scaler(x)
    assert (scaled[0] >= scaled[1]).all() and not torch.equal(scaled[0], scaled[1])


def test_scaler_learns_each_column_apart_and_silences_a_constant_one() -> None:
    rng = np.random.default_rng(2)
    values = (rng.normal(size=(200 * 96, 8)) * 10.0 ** np.arange(-4, 4) + np.arange(8)).astype(np.float32)
    values[:, 3] = 7
    scaler = Scaler()
    scaler.learn(values)
    scaled = scaler(torch.from_numpy(values.reshape(-1, 96, 8))).numpy().reshape(-1, 8)
    others = [0, 1, 2, 4, 5, 6, 7]
    assert np.abs(scaled.mean(axis=0)).max() < 1e-2
    assert np.abs(scaled[:, others].std(axis=0) - 1).max() < 1e-2
    assert (scaled[:, 3] == 0).all()
    extreme = scaler(torch.tensor([[[np.inf] * 8, [-np.inf] * 8, [3e38] * 8] * 32]))
    assert torch.isfinite(extreme).all() and extreme.abs().max() < 10


def test_export_agrees_with_torch_on_ten_thousand_rows_and_the_probes(model: FittedNet, data: Dataset) -> None:
    parity = check_parity(model, model.export(CALIBRATION), CALIBRATION, windows(data, 10_000), seed=7)
    assert parity.rows > 10_000 and parity.probe_rows > 1_000
    assert parity.max_abs_difference <= TOLERANCE


def test_a_graph_with_another_scaler_is_refused(data: Dataset) -> None:
    model, other = untrained("nhits"), untrained("nhits")
    assert model.export(CALIBRATION) == other.export(CALIBRATION)
    other.net.scaler.get_buffer("high").mul_(0.99)
    with pytest.raises(ParityError):
        check_parity(model, other.export(CALIBRATION), CALIBRATION, windows(data, 50), seed=7)


def test_a_row_is_answered_the_same_in_any_batch(model: FittedNet, data: Dataset) -> None:
    session = ort.InferenceSession(model.export(CALIBRATION))
    rows = np.concatenate([windows(data, 60), model.probe_inputs(windows(data, 60), 5, 40)])
    by_chunk = [
        np.concatenate([session.run(None, {"sequence": rows[at : at + step]})[0] for at in range(0, len(rows), step)])
        for step in (1, 7, 25, 100)
    ]
    for other in by_chunk[1:]:
        assert np.abs(by_chunk[0] - other).max() < 1e-6
    assert np.ptp(by_chunk[0][:60], axis=0).min() > 0.01  # answers that differ by row, or this would prove nothing


def test_graph_is_clean_and_its_bytes_repeat_in_another_process(model: FittedNet) -> None:
    body = model.export(CALIBRATION)
    graph = onnx.load_from_string(body)
    assert {o.domain: o.version for o in graph.opset_import} == {"": 17}
    assert not graph.metadata_props and not graph.producer_name and not graph.doc_string and not graph.functions
    assert not any(node.doc_string or node.metadata_props for node in graph.graph.node)
    assert [i.name for i in graph.graph.input] == ["sequence"] and [o.name for o in graph.graph.output] == ["answers"]
    assert [d.dim_param or d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim] == ["N", 96, 8]
    assert all(t.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.INT64) for t in graph.graph.initializer)
    for trace in (str(ROOT).encode(), b".py", b"site-packages", b"/home", b"/tmp"):
        assert trace not in body
    assert body == net_to_onnx(model.net, CALIBRATION) and len(body) < 2_000_000
    name = "nhits" if isinstance(model.net.body, NHits) else "patchtst"
    script = (
        "import hashlib; from training.tests.test_nets import CALIBRATION, untrained;"
        f"print(hashlib.sha256(untrained({name!r}).export(CALIBRATION)).hexdigest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == hashlib.sha256(body).hexdigest()


def separable(data: Dataset) -> tuple[Examples, Examples]:
    """The generated data with labels that the last bars of the first column tell plainly."""
    rows = np.flatnonzero(data.has_sequence)
    signal = data.features[rows[:, None] - np.arange(8), 0].mean(axis=1)
    label = data.targets[6].label.copy()
    label[rows] = np.digitize(signal, [-0.25, 0.25])
    moves = data.targets[6].forward_return.copy()
    moves[rows] = signal * data.targets[6].barrier_bps[rows] * 1e-4
    targets = replace(data.targets[6], label=label.astype(np.int32), forward_return=moves, market_move=np.zeros_like(moves))
    at = data.ts.min() + 1_800 * data.bar_ms
    return Examples(data, targets, rows[data.ts[rows] < at]), Examples(
        data, targets, rows[data.ts[rows] > at + 100 * data.bar_ms]
    )


@pytest.mark.parametrize("name", sorted(TRAINERS))
def test_a_little_training_learns_and_repeats(name: str, data: Dataset, tmp_path: Path) -> None:
    trainer: NetTrainer = TRAINERS[name](RUN)
    fit, stop = separable(data)
    stop = Examples(data, stop.targets, stop.rows[::3])
    fit = Examples(data, fit.targets, fit.rows[::2])
    params = trainer.candidates[0] | {"epoch_share": 1.0, "learning_rate": 1e-2}
    model = trainer.fit(params, fit, stop, None)
    inputs = data.inputs("sequence", stop.rows)
    assert model.rounds > (1,)
    loss = log_loss(IDENTITY.probabilities(model.margins(inputs)), stop.label)
    prior = log_loss(np.tile(class_frequencies(fit.label), (len(stop.rows), 1)), stop.label)
    assert loss < 0.95 * prior, f"{loss} against {prior}"

    short = Examples(data, fit.targets, fit.rows[::6])
    first, second = (trainer.fit(params, short, None, (1,)) for _ in range(2))
    assert first.rounds == (1,)
    assert first.export(CALIBRATION) == second.export(CALIBRATION)
    first.save(tmp_path / "net")
    loaded = trainer.load(tmp_path / "net")
    assert loaded.export(CALIBRATION) == first.export(CALIBRATION)
    assert np.array_equal(loaded.margins(inputs[:50]), first.margins(inputs[:50]))


def test_the_epoch_kept_is_the_one_that_the_stop_part_likes_best(data: Dataset) -> None:
    """The stop part says the opposite of the fit part, so that every further epoch can only harm."""
    trainer = nhits_trainer(RUN)
    fit, stop = separable(data)
    reversed_targets = replace(stop.targets, label=2 - stop.targets.label, forward_return=-stop.targets.forward_return)
    params = trainer.candidates[0] | {"epoch_share": 1.0, "learning_rate": 3e-3}
    stopped = trainer.fit(params, fit, Examples(data, reversed_targets, stop.rows[::3]), None)
    assert stopped.rounds == (1,)
    assert stopped.export(CALIBRATION) == trainer.fit(params, fit, None, (1,)).export(CALIBRATION)
    assert stopped.export(CALIBRATION) != trainer.fit(params, fit, None, (2,)).export(CALIBRATION)


def test_each_epoch_draws_another_share_without_repeats() -> None:
    first, second = (epoch_order(1_000, {"epoch_share": 0.25}, 7, epoch) for epoch in (1, 2))
    assert len(first) == len(np.unique(first)) == 250
    assert set(first) != set(second)
    assert np.array_equal(first, epoch_order(1_000, {"epoch_share": 0.25}, 7, 1))


@pytest.mark.parametrize(("coefficients", "steps"), [(1, 12), (3, 12), (12, 12), (8, 96), (24, 96), (96, 96), (1, 3)])
def test_nhits_interpolates_as_its_paper_does(coefficients: int, steps: int) -> None:
    theta = torch.randn(5, 8, coefficients, generator=torch.Generator().manual_seed(1))
    expected = interpolate(theta, size=steps, mode="linear", align_corners=False)
    assert torch.allclose(theta @ torch.tensor(interpolation(coefficients, steps)), expected, atol=1e-6)


def test_nhits_stacks_see_only_their_own_rate() -> None:
    torch.manual_seed(1)
    x = torch.randn(3, 8, 96)
    for rate in RATES:
        block = Block(rate, 12, 32, 0.0).eval()
        backcast, forecast = block(x)
        assert backcast.shape == (3, 8, 96) and forecast.shape == (3, 8, 12)
        assert block.coefficients == [math.ceil(96 / rate.bars_per_coefficient), math.ceil(12 / rate.bars_per_coefficient)]
        # Max pooling: what stays below each pool's maximum is not seen.
        pooled = x.reshape(3, 8, -1, rate.pool_bars)
        lowered = torch.where(pooled == pooled.amax(dim=3, keepdim=True), pooled, pooled - 1).reshape(x.shape)
        assert torch.equal(block(lowered)[1], forecast)
        assert rate.pool_bars == 1 or not torch.equal(lowered, x)
    assert [r.pool_bars for r in RATES] == sorted((r.pool_bars for r in RATES), reverse=True)


def test_nhits_adds_forecasts_of_what_is_left() -> None:
    torch.manual_seed(2)
    net = NHits(NHITS_CANDIDATES[0], 12).eval()
    x = torch.randn(4, 8, 96)
    left, total = x, torch.zeros(4, 8, 12)
    for block in net.blocks:
        backcast, forecast = block(left)
        left, total = left - backcast, total + forecast
    assert torch.allclose(net.path(x), total, atol=1e-6)
    assert not torch.allclose(left, x)


def test_patches_are_those_of_the_paper() -> None:
    padded = torch.nn.functional.pad(torch.arange(96.0)[None], (0, 8), mode="replicate")[0]
    expected = padded.unfold(0, 16, 8)
    assert PATCHES == len(expected) == (96 - 16) // 8 + 2
    net = untrained("patchtst").net.body
    assert isinstance(net, PatchTst)
    # Column c of bar b holds 100 b + c.
    bars = (100 * torch.arange(96.0)[:, None] + torch.arange(8.0))[None]
    patches = net.patches(bars).reshape(PATCHES, 16, 8)
    assert torch.equal(patches, 100 * expected[:, :, None] + torch.arange(8.0))


def test_a_patch_holds_all_columns_of_its_own_bars_and_no_other() -> None:
    net = untrained("patchtst").net.body
    assert isinstance(net, PatchTst)
    x = torch.randn(2, 96, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        before = net.tokens(x)
        for column in range(8):
            changed = x.clone()
            changed[:, 40, column] += 1  # in the patches that begin at bars 32 and 40
            moved = (net.tokens(changed) - before).abs().amax(dim=(0, 2)) > 1e-4
            assert torch.equal(moved.nonzero().ravel(), torch.tensor([4, 5]))
