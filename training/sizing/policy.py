"""The sizing policy: a small net from state to share, its ONNX graph, and how it is learned.

By proximal policy optimisation (Schulman et al. 2017), arXiv 1707.06347.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from training.dataset import F32, F64, I64
from training.sizing.account import Accounts
from training.sizing.episodes import ACCOUNT_COLUMNS, Episodes
from training.trainers.parity import TOLERANCE, ParityError

INPUT, OUTPUT = "state", "share"
OPSET = {"ai.onnx": 17}
HIDDEN = 24
Policy = Callable[[F32, I64], F64]  # states and their candidates → shares


@dataclass(frozen=True)
class Settings:
    """One trial."""

    penalty: float  # of a deeper drawdown than ever before, in units of log growth
    seed: int
    updates: int = 40
    accounts: int = 64
    steps: int = 96
    epochs: int = 4
    batch: int = 1024
    discount: float = 0.95
    trace: float = 0.9  # λ of generalised advantage estimation
    clip: float = 0.2
    rate: float = 3e-3
    entropy: float = 1e-3


@dataclass(frozen=True)
class Bounds:
    """[columns] what training has seen; serving cuts a state to it before it asks, and so does training."""

    low: F32
    high: F32

    def cut(self, state: F32) -> F32:
        return np.clip(state, self.low, self.high)


def bounds_of(data: Episodes, rows: I64) -> Bounds:
    """Of the signal's columns all but the outermost thousandth; of the account's what an account can come to."""
    account = {"exposure_used": (0.0, 1.0), "positions_used": (0.0, 1.0), "drawdown": (0.0, 0.25), "stop_hits": (0.0, 20.0)}
    assert set(account) == set(ACCOUNT_COLUMNS)
    ranges = []
    for name in data.state_columns:
        ranges.append(account.get(name) or tuple(np.quantile(data.column(name)[rows], (0.001, 0.999))))
    low, high = np.array(ranges, dtype=np.float32).T
    return Bounds(low, high)


class Net(nn.Module):
    """Share = sigmoid of the actor's answer; the critic is for training alone."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: F32, scale: F32) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.actor = _layers(len(mean))
        self.critic = _layers(len(mean))
        self.log_deviation = nn.Parameter(torch.tensor(-0.5))
        with torch.no_grad():
            last = self.actor[-1]
            assert isinstance(last, nn.Linear)
            last.weight.mul_(0.1)
            last.bias.fill_(1.0)  # near full size: what it has to beat

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        scaled = (state - self.mean) * self.scale
        return self.actor(scaled)[:, 0], self.critic(scaled)[:, 0]

    def share(self, state: F32) -> F64:
        with torch.no_grad():
            logit, _ = self(torch.from_numpy(state))
            return np.asarray(torch.sigmoid(logit).numpy(), dtype=np.float64)


def _layers(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))


@dataclass(frozen=True)
class SizingPolicy:
    net: Net
    bounds: Bounds

    def __call__(self, state: F32, _candidates: I64) -> F64:
        return self.net.share(self.bounds.cut(state))


def learn(data: Episodes, first: int, last: int, settings: Settings) -> SizingPolicy:
    """On the candidates from first up to last, exclusive. The same arguments give the same policy."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(settings.seed)
    rows = np.arange(first, last)
    bounds = bounds_of(data, rows)
    net = _new_net(data, rows, bounds)
    optimiser = torch.optim.Adam(net.parameters(), lr=settings.rate, eps=1e-5)
    for update in range(settings.updates):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate * (1 - update / settings.updates)
        starts = rng.integers(first, max(first + 1, last - settings.steps), settings.accounts)
        _improve(net, optimiser, _play(data, net, bounds, starts, last, settings, rng), settings, rng)
    return SizingPolicy(net, bounds)


def _new_net(data: Episodes, rows: I64, bounds: Bounds) -> Net:
    mean, scale = [], []
    for index, name in enumerate(data.state_columns):
        if name in ACCOUNT_COLUMNS:
            mean.append(0.0)
            scale.append(1 / float(bounds.high[index]))
            continue
        seen = np.clip(data.column(name)[rows], bounds.low[index], bounds.high[index])
        mean.append(float(seen.mean()))
        scale.append(1 / max(float(seen.std()), 1e-6))
    return Net(np.array(mean, dtype=np.float32), np.array(scale, dtype=np.float32))


def _play(
    data: Episodes, net: Net, bounds: Bounds, starts: I64, last: int, settings: Settings, rng: np.random.Generator
) -> dict[str, Tensor]:
    """Steps of all accounts, [steps, accounts] each, and what they were worth."""
    accounts = Accounts(data, starts, np.minimum(starts + settings.steps, last))
    kept: dict[str, list[np.ndarray]] = {name: [] for name in ("state", "raw", "likelihood", "value", "reward", "weight")}
    deviation = float(net.log_deviation.detach().exp())
    unit = 1 / _typical_gain(data)
    for _ in range(settings.steps):
        state = bounds.cut(accounts.state())
        with torch.no_grad():
            logit, value = net(torch.from_numpy(state))
        raw = logit.numpy() + deviation * rng.standard_normal(len(starts)).astype(np.float32)
        running = accounts.running
        outcome = accounts.step(1 / (1 + np.exp(-raw.astype(np.float64))))
        kept["state"].append(state)
        kept["raw"].append(raw)
        kept["likelihood"].append(_log_likelihood(torch.from_numpy(raw), logit, net.log_deviation).detach().numpy())
        kept["value"].append(value.numpy())
        kept["reward"].append(unit * (outcome.log_growth - settings.penalty * outcome.drawdown_rise) * running)
        kept["weight"].append(outcome.decided.astype(np.float32))
    played = {name: torch.from_numpy(np.stack(values).astype(np.float32)) for name, values in kept.items()}
    advantage = torch.zeros_like(played["reward"])
    ahead, after = torch.zeros(len(starts)), torch.zeros(len(starts))
    for step in reversed(range(settings.steps)):
        surprise = played["reward"][step] + settings.discount * after - played["value"][step]
        ahead = surprise + settings.discount * settings.trace * ahead
        advantage[step], after = ahead, played["value"][step]
    return played | {"advantage": advantage, "target": advantage + played["value"]}


def _typical_gain(data: Episodes) -> float:
    """So that rewards are of the order of 1 whatever the market."""
    return max(float(np.std(data.full_share * data.path[:, -1])), 1e-9)


def _log_likelihood(raw: Tensor, logit: Tensor, log_deviation: Tensor) -> Tensor:
    return -0.5 * ((raw - logit) / log_deviation.exp()) ** 2 - log_deviation


def _improve(
    net: Net, optimiser: torch.optim.Optimizer, played: dict[str, Tensor], settings: Settings, rng: np.random.Generator
) -> None:
    flat = {name: values.flatten(0, 1) for name, values in played.items()}
    used = torch.nonzero(flat["weight"] > 0)[:, 0].numpy()  # a step that decides nothing teaches nothing
    if len(used) < 2:
        return
    chosen = flat["advantage"][used]
    centre, spread = chosen.mean(), chosen.std() + 1e-8
    for _ in range(settings.epochs):
        order = rng.permutation(used)
        for start in range(0, len(order), settings.batch):
            batch = torch.from_numpy(order[start : start + settings.batch])
            logit, value = net(flat["state"][batch])
            ratio = (_log_likelihood(flat["raw"][batch], logit, net.log_deviation) - flat["likelihood"][batch]).exp()
            advantage = (flat["advantage"][batch] - centre) / spread
            gain = torch.min(ratio * advantage, ratio.clamp(1 - settings.clip, 1 + settings.clip) * advantage).mean()
            error = (value - flat["target"][batch]).pow(2).mean()
            loss = -gain + 0.5 * error - settings.entropy * net.log_deviation
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimiser.step()


def export(net: Net) -> bytes:
    """The actor as a graph that serving reads: float32 [rows, columns] → [rows, 1]."""
    weights = {"mean": net.mean, "scale": net.scale}
    nodes = [helper.make_node("Sub", [INPUT, "mean"], ["centred"]), helper.make_node("Mul", ["centred", "scale"], ["x0"])]
    linear = [layer for layer in net.actor if isinstance(layer, nn.Linear)]
    for number, layer in enumerate(linear):
        weights |= {f"w{number}": layer.weight, f"b{number}": layer.bias}
        is_last = number == len(linear) - 1
        out = "logit" if is_last else f"z{number}"
        nodes.append(helper.make_node("Gemm", [f"x{number}", f"w{number}", f"b{number}"], [out], transB=1))
        if not is_last:
            nodes.append(helper.make_node("Relu", [out], [f"x{number + 1}"]))
    nodes.append(helper.make_node("Sigmoid", ["logit"], [OUTPUT]))
    graph = helper.make_graph(
        nodes,
        "sizing",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", len(net.mean)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(tensor.detach().numpy(), name) for name, tensor in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET["ai.onnx"])], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def check_policy(policy: SizingPolicy, body: bytes, states: F32) -> float:
    """The largest difference between net and graph. Raises ParityError above 1e-5."""
    session = ort.InferenceSession(body, providers=["CPUExecutionProvider"])
    cut = policy.bounds.cut(states)
    answered = session.run([OUTPUT], {INPUT: cut})[0][:, 0]
    worst = float(np.abs(answered - policy.net.share(cut)).max())
    if not worst <= TOLERANCE:
        raise ParityError(f"the sizing policy's graph differs from its net by {worst:.3g}, more than {TOLERANCE}")
    return worst
