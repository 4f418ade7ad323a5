"""Sizing on generated episodes: which entries pay is known, so that a policy that learns anything beats the constant."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.artefacts import canonical_json
from training.dataset import DatasetError
from training.sizing.account import Accounts
from training.sizing.episodes import ACCOUNT_COLUMNS, load_episodes
from training.sizing.train_sizing import SizingRequest, train_sizing

BAR_MS, FROM_MS, HORIZON = 300_000, 1_722_124_800_000, 12
SIGNAL = ["expected_edge_bps", "move_deviation_bps", "confidence", "consensus", "atr_bps", "atr_ratio", "spread_bps"]
STATE = [*SIGNAL, *ACCOUNT_COLUMNS, "hour_sin", "hour_cos"]


def write_episodes(folder: Path, good_bps: float, bad_bps: float, count: int = 1_600, **changes: Any) -> Path:
    """Half of the entries, told by their spread, return `good_bps` on average, the others `bad_bps`."""
    rows = count
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    spread = rng.choice([2.0, 20.0], rows)
    final = (np.where(spread < 10, good_bps, bad_bps) + 30 * rng.standard_normal(rows)) / 1e4
    ts = FROM_MS + BAR_MS * np.sort(rng.integers(0, 30 * 288, rows))
    columns: dict[str, np.ndarray] = {
        "ts": ts.astype(np.int64),
        "symbol": rng.integers(0, 20, rows).astype(np.int32),
        "side": np.ones(rows, dtype=np.int32),
        "bars_held": np.full(rows, HORIZON, dtype=np.int32),
        "stopped": (rng.random(rows) < 0.1).astype(np.int32),
        "full_share": np.full(rows, 0.1, dtype=np.float32),
        "spread_bps": spread.astype(np.float32),
    }
    columns |= {n: rng.uniform(0.1, 1, rows).astype(np.float32) for n in STATE if n not in (*ACCOUNT_COLUMNS, "spread_bps")}
    columns |= {f"return_{k + 1}": (final * (k + 1) / HORIZON).astype(np.float32) for k in range(HORIZON)}
    pq.write_table(pa.table(columns), folder / "episodes.parquet")
    meta = {
        "schemaVersion": 1,
        "ensembleId": "e20240728_000000",
        "members": [],
        "trainedToMs": FROM_MS - BAR_MS,
        "fromMs": FROM_MS,
        "toMs": int(ts[-1]) + BAR_MS,
        "barMs": BAR_MS,
        "horizonBars": HORIZON,
        "stateColumns": STATE,
        "signalColumns": [n for n in STATE if n not in ACCOUNT_COLUMNS],
        "stopHitsWindowMs": 72 * BAR_MS,
        "costs": {},
        "positionsMax": 10,
        "exposureMax": 1.0,
        "symbols": [f"S{k}USDT" for k in range(20)],
        "rows": rows,
        "sha256": hashlib.sha256((folder / "episodes.parquet").read_bytes()).hexdigest(),
    }
    (folder / "episodes.json").write_text(json.dumps(meta | changes))
    return folder


def write_models(folder: Path) -> Path:
    (folder / "ensembles").mkdir(parents=True)
    (folder / "ensembles" / "e20240728_000000.json").write_bytes(canonical_json({"id": "e20240728_000000", "sizingPolicy": None}))
    (folder / "ensembles" / "current.json").write_bytes(canonical_json({"ensembleId": "e20240728_000000"}))
    return folder


def run(episodes: Path, models: Path) -> bool:
    return train_sizing(SizingRequest((episodes,), models, None, seed=7, updates=8))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sizing")
    episodes, models = write_episodes(folder / "episodes", good_bps=30, bad_bps=-40), write_models(folder / "models")
    assert run(episodes, models)
    return episodes, models


def test_a_policy_that_finds_which_entries_pay_ships_and_is_named(shipped: tuple[Path, Path]) -> None:
    _, models = shipped
    current = json.loads((models / "ensembles" / "current.json").read_text())["ensembleId"]
    named = json.loads((models / "ensembles" / f"{current}.json").read_text())["sizingPolicy"]
    folder = models / "policies" / named["name"] / named["version"]
    body, manifest = (folder / "model.onnx").read_bytes(), json.loads((folder / "manifest.json").read_text())
    assert hashlib.sha256(body).hexdigest() == named["sha256"] == manifest["sha256"]
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == named["manifestSha256"]
    assert manifest["input"]["columns"] == STATE and len(manifest["bounds"]) == len(STATE)
    session = ort.InferenceSession(body)
    state = np.full((2, len(STATE)), 0.5, dtype=np.float32)
    state[:, STATE.index("spread_bps")] = [2, 20]
    pays, loses = session.run(None, {"state": state})[0][:, 0]
    assert 0 <= loses < pays - 0.1 < 1


def test_a_repeat_gives_the_same_bytes(shipped: tuple[Path, Path], tmp_path: Path) -> None:
    episodes, models = shipped
    again = write_models(tmp_path / "models")
    assert run(episodes, again)
    for path in models.rglob("*.*"):
        if path.is_file():
            assert (again / path.relative_to(models)).read_bytes() == path.read_bytes()


def test_where_all_entries_are_alike_the_constant_ships(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    assert not run(write_episodes(tmp_path / "episodes", good_bps=15, bad_bps=15), models)
    log = json.loads((models / "sizing-log.json").read_text())
    assert not log["verdict"]["ships"] and "the constant ships" in log["verdict"]["reason"]
    assert log["trialCount"] == len(log["trials"]) == 3
    assert not (models / "policies").exists()
    assert json.loads((models / "ensembles" / "current.json").read_text())["ensembleId"] == "e20240728_000000"


def test_less_of_a_loss_does_not_ship(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    assert not run(write_episodes(tmp_path / "episodes", good_bps=-20, bad_bps=-30), models)
    assert "lost money itself" in json.loads((models / "sizing-log.json").read_text())["verdict"]["reason"]


def test_an_account_adds_up_what_was_recorded(tmp_path: Path) -> None:
    data = load_episodes([write_episodes(tmp_path, good_bps=10, bad_bps=10, count=80)])
    accounts = Accounts(data, np.array([0, 0]), np.array([80, 80]))
    expected = np.ones(2)
    while accounts.running.any():
        at, equity = accounts.candidate, accounts.equity.copy()
        used = accounts.state()[:, STATE.index("exposure_used")]
        outcome = accounts.step(np.array([1.0, 0.25]))
        gain = np.minimum(data.full_share[at] * [1.0, 0.25], 1 - used) * equity * data.path[at, -1]
        expected += np.where(outcome.decided, gain, 0)
    accounts.close()
    assert accounts.equity == pytest.approx(expected, rel=1e-6)
    assert accounts.equity[0] != pytest.approx(1, abs=1e-5)


def test_an_account_never_exceeds_positions_or_exposure_nor_holds_a_symbol_twice(tmp_path: Path) -> None:
    data = load_episodes([write_episodes(tmp_path, good_bps=0, bad_bps=0, count=2_000, positionsMax=4, exposureMax=0.35)])
    accounts = Accounts(data, np.array([0]), np.array([2_000]))
    while accounts.running.any():
        accounts.step(np.ones(1))
        used, positions = (accounts.state()[0, STATE.index(name)] for name in ("exposure_used", "positions_used"))
        assert used <= 1.02 and positions <= 1
        held = accounts._candidate[0][accounts._candidate[0] >= 0]
        assert len(set(data.symbol[held])) == len(held)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "sha256"),
        ({"rows": 5}, "rows"),
        ({"stateColumns": STATE[::-1]}, "the state is not made of"),
        ({"trainedToMs": FROM_MS + 365 * 288 * BAR_MS}, "trained on all"),
        ({"schemaVersion": 2}, "schemaVersion"),
        ({"horizonBars": 13}, "not readable"),
    ],
)
def test_what_is_not_as_declared_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_episodes([write_episodes(tmp_path, good_bps=0, bad_bps=0, count=50, **changes)])
