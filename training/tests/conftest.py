"""A small generated dataset with the shape of the real one, and a weak signal to find in it."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.dataset import Dataset, load_dataset

BAR_MS = 300_000
FROM_MS = 1_714_348_800_000
HORIZONS = (3, 6, 12, 36)
SEQUENCE_COLUMNS = ["log_return_1", "price_range", "body", "rsi_14", "ema_21_dist", "bb_position", "volume_ratio_20", "obv_20"]
FEATURE_NAMES = SEQUENCE_COLUMNS + [f"feature_{i}" for i in range(41)]
FEATURE_SET_HASH = hashlib.sha256(b"generated").hexdigest()


def write_dataset(folder: Path, symbols: int = 6, bars: int = 2_400, seed: int = 1) -> Path:
    """feature_0 foretells the side at the short horizons, feature_1 the size of the move; a third of the values are
    coarse, so that many rows lie exactly at thresholds, as recorded prices do."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    entries = []
    for s in range(symbols):
        keep = np.ones(bars, dtype=bool)
        if s == 1:
            keep[700:720] = False  # dropped rows: no sequence may reach over them
        features = rng.normal(size=(bars, 49)).astype(np.float32)
        features[:, 20:36] = np.round(features[:, 20:36] * 5) / np.float32(10)
        columns: dict[str, np.ndarray] = {"ts": FROM_MS + BAR_MS * np.arange(bars, dtype=np.int64)}
        for h in HORIZONS:
            barrier = (30 * np.sqrt(h) * np.exp(0.3 * features[:, 9])).astype(np.float32)
            move = barrier * (0.9 / h**0.5 * features[:, 8] + rng.normal(size=bars))
            columns[f"label_{h}"] = np.where(move > barrier, 2, np.where(move < -barrier, 0, 1)).astype(np.int32)
            columns[f"weight_{h}"] = rng.uniform(0.3, 1.0, bars).astype(np.float32)
            columns[f"barrier_bps_{h}"] = barrier
            columns[f"forward_return_{h}"] = (move / 1e4).astype(np.float32)
        columns |= {name: features[:, i] for i, name in enumerate(FEATURE_NAMES)}
        table = pa.table({k: v[keep] for k, v in columns.items()})
        symbol = f"S{s}USDT"
        marks = {"featureSetHash": FEATURE_SET_HASH, "symbol": symbol}
        pq.write_table(table.replace_schema_metadata(marks), folder / f"{symbol}.parquet")
        entries.append(describe_symbol(folder, symbol, columns["ts"][keep]))
    write_description(folder, entries)
    return folder


def describe_symbol(folder: Path, symbol: str, ts: np.ndarray) -> dict[str, Any]:
    body = (folder / f"{symbol}.parquet").read_bytes()
    return {
        "symbol": symbol,
        "file": f"{symbol}.parquet",
        "rows": len(ts),
        "firstMs": int(ts[0]),
        "lastMs": int(ts[-1]),
        "sha256": hashlib.sha256(body).hexdigest(),
        "dropped": {},
    }


def write_description(folder: Path, entries: list[dict[str, Any]], **changed: Any) -> None:
    description = {
        "schemaVersion": 1,
        "featureSetHash": FEATURE_SET_HASH,
        "featureNames": FEATURE_NAMES,
        "sequenceColumns": SEQUENCE_COLUMNS,
        "sequenceSteps": 96,
        "barMs": BAR_MS,
        "fromMs": FROM_MS,
        "toMs": max(e["lastMs"] for e in entries),
        "horizons": list(HORIZONS),
        "labels": {
            str(h): {"kind": "triple_barrier", "horizonBars": h, "atrMultiple": 1.0, "minBarrierBps": 20.0} for h in HORIZONS
        },
        "costs": {"feeBps": 2.0, "slippageBps": 1.0},
        "symbols": entries,
        "sha256": hashlib.sha256("".join(e["sha256"] for e in entries).encode()).hexdigest(),
    }
    (folder / "dataset.json").write_text(json.dumps(description | changed))


@pytest.fixture(scope="session")
def dataset_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="session")
def data(dataset_folder: Path) -> Dataset:
    return load_dataset(dataset_folder)
