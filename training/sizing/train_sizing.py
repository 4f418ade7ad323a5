"""From episodes to a sizing policy that ships, or to the finding that none is worth it: trials, comparison, evidence, artefact.

Walk-forward: the candidates are cut into equal times; each part after the first is played with what was learned on those before.
What ships has to beat the constant 1 there, by an interval over days that allows for the number of trials.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from training.artefacts import (
    ArtefactError,
    canonical_json,
    golden_vectors,
    sha256,
    write_atomically,
    write_ensemble,
)
from training.dataset import F32, F64, I64
from training.sizing.account import Accounts
from training.sizing.episodes import Episodes, load_episodes
from training.sizing.policy import INPUT, OPSET, OUTPUT, Policy, Settings, SizingPolicy, check_policy, export, learn

NAME = "sizing"
PENALTIES = (0.0, 0.5, 2.0)  # of a deeper drawdown: one trial each
REPORTED_PENALTY = 0.5  # what all contenders are compared by
KELLY_FRACTION = 0.25
PARTS = 5  # of the time; the first is only learned from
MIN_DAYS = 10  # of evidence; below, nothing ships
MIN_CANDIDATES = 64
RESAMPLES = 4_000
GOLDEN_ROWS, PARITY_STATES = 48, 10_000
DAY_MS = 86_400_000


@dataclass(frozen=True)
class SizingRequest:
    """One invocation of `python -m training sizing`."""

    episodes: tuple[Path, ...]
    models: Path  # folder of the ensemble that is to name the policy
    version: str | None
    seed: int
    updates: int


@dataclass(frozen=True)
class Days:
    """What a contender came to on each day of the parts that were played, [days]."""

    log_growth: F64
    drawdown_rise: F64  # of the deepest so far; they add up to it
    drawdown_max: float
    mean_share: float

    @property
    def objective(self) -> F64:
        return self.log_growth - REPORTED_PENALTY * self.drawdown_rise


def train_sizing(request: SizingRequest) -> bool:
    """Whether a policy ships. Raises DatasetError, ParityError or ArtefactError; then nothing is written."""
    started = time.perf_counter()
    data = load_episodes(list(request.episodes))
    ensemble = _read_ensemble(request.models)
    if len(data.ts) < MIN_CANDIDATES:
        raise ArtefactError(f"{len(data.ts)} candidates are too few: export a longer range, or a lower --edge-bps")
    print(f"{len(data.ts)} candidates, {data.left_out} left out because the models were trained on them", flush=True)
    trials = [Settings(penalty=p, seed=request.seed, updates=request.updates) for p in PENALTIES]
    cuts = _cuts(data)
    played = _compare(data, cuts, trials)
    _print_days(played)
    chosen = max(range(len(trials)), key=lambda k: float(played[_trial_name(trials[k])].objective.mean()))
    verdict = _judge(played, _trial_name(trials[chosen]), len(trials), request.seed)
    log = {
        "episodes": [{k: m[k] for k in ("sha256", "ensembleId", "fromMs", "toMs", "rows", "members")} for m in data.sources],
        "candidates": len(data.ts),
        "leftOut": data.left_out,
        "trialCount": len(trials),
        "trials": [vars(t) for t in trials],
        "walkForwardCutsMs": [int(data.ts[min(c, len(data.ts) - 1)]) for c in cuts],
        "contenders": {name: _summary(days) for name, days in played.items()},
        "verdict": verdict,
        "seed": request.seed,
    }
    if verdict["ships"]:
        policy = learn(data, 0, len(data.ts), trials[chosen])
        version = request.version or datetime.fromtimestamp(int(data.ts.max()) / 1000, UTC).strftime("v%Y%m%d_%H%M%S")
        log["policy"] = {"name": NAME, "version": version}
        named = _write_policy(request, data, policy, version, log)
        write_ensemble(request.models, ensemble | {"id": "e" + version[1:], "sizingPolicy": named})
    write_atomically(request.models / "sizing-log.json", canonical_json(log))
    print(f"{verdict['reason']} ({time.perf_counter() - started:.0f} s)", flush=True)
    return bool(verdict["ships"])


def _read_ensemble(models: Path) -> dict[str, Any]:
    try:
        current = str(json.loads((models / "ensembles" / "current.json").read_text("utf-8"))["ensembleId"])
        return dict(json.loads((models / "ensembles" / f"{current}.json").read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{models}: holds no ensemble to name a policy: {error!r}") from error


def _cuts(data: Episodes) -> list[int]:
    """Where parts of equal time begin, as positions of candidates, and the end. No day is cut in two."""
    day = data.ts // DAY_MS
    edges = np.round(np.linspace(float(day[0]), float(day[-1]) + 1, PARTS + 1))
    return [int(c) for c in np.searchsorted(day, edges)]


def _compare(data: Episodes, cuts: list[int], trials: list[Settings]) -> dict[str, Days]:
    """Every contender on every part after the first, with what was known before it."""
    by_name: dict[str, list[Days]] = {}
    for part in range(1, PARTS):
        first, last = cuts[part], cuts[part + 1]
        # The end of an entry that is learned from must lie before the first that is played.
        known = int(np.searchsorted(data.bar + data.horizon_bars + 1, data.bar[min(first, len(data.ts) - 1)], side="right"))
        if last <= first or known < MIN_CANDIDATES // 2:
            continue
        contenders: dict[str, Policy] = {
            "constant": lambda _state, at: np.ones(len(at)),
            "volatility": _volatility_target(data, known),
            "kelly": _fractional_kelly(data, known),
        }
        for trial in trials:
            contenders[_trial_name(trial)] = learn(data, 0, known, trial)
            print(f"  part {part} of {PARTS - 1}, penalty {trial.penalty}: learned on {known} candidates", flush=True)
        for name, days in _play(data, contenders, first, last).items():
            by_name.setdefault(name, []).append(days)
    if not by_name:
        raise ArtefactError("too few candidates for a walk-forward: export a longer range, or a lower --edge-bps")
    return {name: _joined(parts) for name, parts in by_name.items()}


def _trial_name(trial: Settings) -> str:
    return f"policy, penalty {trial.penalty:g}"


def _volatility_target(data: Episodes, known: int) -> Policy:
    """Full sizes are set by volatility already, up to the largest position; this one goes on below their middle."""
    middle = float(np.median(data.column("atr_bps")[:known]))
    return lambda _state, at: np.minimum(1.0, middle / np.maximum(data.column("atr_bps")[at], 1e-9))


def _fractional_kelly(data: Episodes, known: int) -> Policy:
    """A quarter of expected return over variance, the expectation calibrated on what the same edges have earned."""
    edge = data.column("expected_edge_bps") / 1e4
    design = np.stack([np.ones(known), edge[:known]], axis=1)
    (offset, slope), *_ = np.linalg.lstsq(design, data.path[:known, -1], rcond=None)

    def share(_state: F32, at: I64) -> F64:
        variance = np.maximum((data.column("move_deviation_bps")[at] / 1e4) ** 2, 1e-9)
        wanted = KELLY_FRACTION * (offset + slope * edge[at]) / variance
        return np.asarray(np.clip(wanted / data.full_share[at], 0.0, 1.0))

    return share


def _play(data: Episodes, contenders: dict[str, Policy], first: int, last: int) -> dict[str, Days]:
    """All contenders side by side from an empty account each."""
    count = len(contenders)
    accounts = Accounts(data, np.full(count, first), np.full(count, last))
    day = data.ts // DAY_MS
    first_day = int(day[first])
    days = int(day[last - 1]) - first_day + 1
    growth, rise = np.zeros((days, count)), np.zeros((days, count))
    shares, decisions = np.zeros(count), np.zeros(count)
    equity, deepest = accounts.equity.copy(), accounts.deepest.copy()
    for at in range(first, last):
        state, here = accounts.state(), np.array([at])
        share = np.array([float(policy(state[k : k + 1], here)[0]) for k, policy in enumerate(contenders.values())])
        outcome = accounts.step(share)
        if at == last - 1:
            accounts.close()
        # From this candidate to the next one: of the day on which it was made.
        growth[day[at] - first_day] += np.log(accounts.equity / equity)
        rise[day[at] - first_day] += accounts.deepest - deepest
        equity, deepest = accounts.equity.copy(), accounts.deepest.copy()
        shares += share * outcome.decided
        decisions += outcome.decided
    return {
        name: Days(growth[:, k], rise[:, k], float(accounts.deepest[k]), float(shares[k] / max(decisions[k], 1)))
        for k, name in enumerate(contenders)
    }


def _joined(parts: list[Days]) -> Days:
    return Days(
        np.concatenate([p.log_growth for p in parts]),
        np.concatenate([p.drawdown_rise for p in parts]),
        max(p.drawdown_max for p in parts),
        float(np.mean([p.mean_share for p in parts])),
    )


def _judge(played: dict[str, Days], name: str, trials: int, seed: int) -> dict[str, Any]:
    """Better than the constant by an interval over days, at 95 % for all trials together; and for the right reason."""
    policy, constant = played[name], played["constant"]
    difference = policy.objective - constant.objective
    low, high = _interval(difference, 0.05 / trials, seed)
    best_rule = max(("constant", "volatility", "kelly"), key=lambda rule: float(played[rule].objective.mean()))
    reasons = []
    if len(difference) < MIN_DAYS:
        reasons.append(f"{len(difference)} days are too few for evidence, {MIN_DAYS} at least")
    if not low > 0:
        reasons.append("its interval against the constant reaches 0")
    if not policy.log_growth.mean() > 0:
        reasons.append("it has lost money itself: less of a loss is no policy")
    if not policy.objective.mean() > played[best_rule].objective.mean():
        reasons.append(f"{best_rule} is no worse")
    ships = not reasons
    bounds = f"{1e4 * difference.mean():.2f} bps a day, interval {1e4 * low:.2f} to {1e4 * high:.2f}, {len(difference)} days"
    against = f"the constant ships: {'; '.join(reasons)} ({bounds})"
    reason = f"{name} ships: better than the constant by {bounds}" if ships else against
    return {
        "ships": ships,
        "reason": reason,
        "chosen": name,
        "bestRule": best_rule,
        "days": len(difference),
        "meanDifferenceBps": round(1e4 * float(difference.mean()), 4),
        "intervalBps": [round(1e4 * low, 4), round(1e4 * high, 4)],
        "intervalLevel": 1 - 0.05 / trials,
        "reportedPenalty": REPORTED_PENALTY,
    }


def _interval(difference: F64, miss: float, seed: int) -> tuple[float, float]:
    """Of the mean over days, by resampling whole days of both contenders together."""
    rng = np.random.default_rng(seed)
    means = np.array([difference[rng.integers(0, len(difference), len(difference))].mean() for _ in range(RESAMPLES)])
    low, high = np.quantile(means, (miss / 2, 1 - miss / 2))
    return float(low), float(high)


def _summary(days: Days) -> dict[str, Any]:
    spread = float(days.log_growth.std())
    return {
        "days": len(days.log_growth),
        "logGrowthBpsPerDay": round(1e4 * float(days.log_growth.mean()), 4),
        "sharpeByDay": round(float(days.log_growth.mean()) / spread, 4) if spread > 0 else None,
        "drawdownMax": round(days.drawdown_max, 6),
        "objectiveBpsPerDay": round(1e4 * float(days.objective.mean()), 4),
        "meanShare": round(days.mean_share, 4),
    }


def _print_days(played: dict[str, Days]) -> None:
    for name, days in played.items():
        print(f"  {name}: " + " ".join(f"{key}={value}" for key, value in _summary(days).items()), flush=True)


def _states(data: Episodes, count: int, seed: int) -> F32:
    """States of the episodes in accounts of every kind, and some far beyond what was seen."""
    rng = np.random.default_rng(seed)
    at = rng.integers(0, len(data.ts), count)
    signal = dict(zip(data.signal_columns, data.signal[at].T, strict=True))
    account: dict[str, Callable[[], F64]] = {
        "exposure_used": lambda: rng.uniform(0, 1, count),
        "positions_used": lambda: rng.integers(0, data.positions_max + 1, count) / data.positions_max,
        "drawdown": lambda: rng.exponential(0.02, count),
        "stop_hits": lambda: rng.poisson(1, count).astype(np.float64),
    }
    states = np.stack([account[n]() if n in account else signal[n] for n in data.state_columns], axis=1).astype(np.float32)
    states[::8] *= np.float32(10)
    return states


def _write_policy(
    request: SizingRequest, data: Episodes, policy: SizingPolicy, version: str, log: dict[str, Any]
) -> dict[str, Any]:
    """What the ensemble says of it."""
    body = export(policy.net)
    worst = check_policy(policy, body, _states(data, PARITY_STATES, request.seed))
    golden = policy.bounds.cut(_states(data, GOLDEN_ROWS, request.seed + 1))
    manifest = canonical_json(
        {
            "schemaVersion": 1,
            "kind": "sizing_policy",
            "name": NAME,
            "version": version,
            "file": "model.onnx",
            "sha256": sha256(body),
            "bytes": len(body),
            "opset": OPSET,
            "input": {"kind": "state", "name": INPUT, "columns": list(data.state_columns)},
            "bounds": [{"min": float(a), "max": float(b)} for a, b in zip(policy.bounds.low, policy.bounds.high, strict=True)],
            "output": {"name": OUTPUT, "columns": ["share"]},
            "training": {
                "fromMs": int(data.ts[0]),
                "toMs": int(data.ts[-1]) + data.horizon_bars * data.bar_ms,
                "candidates": len(data.ts),
                "seed": request.seed,
                "episodesSha256": [meta["sha256"] for meta in data.sources],
            },
            "evidence": {"trials": log["trialCount"], "verdict": log["verdict"], "contenders": log["contenders"]},
            "libraries": {
                "torch": torch.__version__,
                "numpy": np.__version__,
                "onnx": onnx.__version__,
                "onnxruntime": onnxruntime.__version__,
                "python": platform.python_version(),
            },
            "goldenVectors": golden_vectors(golden, policy.net.share(golden)[:, None]),
        }
    )
    folder = request.models / "policies" / NAME / version
    for path, content in ((folder / "model.onnx", body), (folder / "manifest.json", manifest)):
        if path.exists() and path.read_bytes() != content:
            raise ArtefactError(f"{path} exists with other content; choose another --version")
        write_atomically(path, content)
    print(f"  {NAME} {version}: {len(body)} bytes, parity {worst:.2e} on {PARITY_STATES} states", flush=True)
    return {
        "name": NAME,
        "version": version,
        "sha256": sha256(body),
        "manifestSha256": sha256(manifest),
        "versionId": None,
    }
