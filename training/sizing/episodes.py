"""Reads what `qtrader dataset episodes` wrote, and refuses anything that is not exactly that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from training.dataset import F32, F64, I32, I64, DatasetError, Mask, read_column

ACCOUNT_COLUMNS = ("exposure_used", "positions_used", "drawdown", "stop_hits")  # what follows from the sizes chosen


@dataclass(frozen=True)
class Episodes:
    """Candidate entries in the order in which execute would take them; every array is [rows]."""

    state_columns: tuple[str, ...]
    signal_columns: tuple[str, ...]
    horizon_bars: int
    bar_ms: int
    positions_max: int
    exposure_max: float  # of the equity
    stop_window_bars: int
    sources: tuple[dict[str, Any], ...]  # episodes.json of each folder
    left_out: int  # rows that the models were trained on
    ts: I64
    symbol: I32
    bars_held: I32
    stopped: Mask
    full_share: F64
    signal: F32  # [rows, signal columns]
    path: F64  # [rows, horizon] return on the notional after each bar, constant after the exit

    @property
    def bar(self) -> I64:
        """When the decision is made, in bars."""
        return self.ts // self.bar_ms + 1

    def column(self, name: str) -> F64:
        return self.signal[:, self.signal_columns.index(name)].astype(np.float64)


SAME = ("stateColumns", "signalColumns", "horizonBars", "barMs", "positionsMax", "exposureMax", "stopHitsWindowMs", "costs")


def load_episodes(folders: list[Path]) -> Episodes:
    """Of all folders in order of time, without bars that the models were trained on. Raises DatasetError."""
    parts = sorted((_read(folder) for folder in folders), key=lambda part: int(part[0]["fromMs"]))
    metas = [meta for meta, _ in parts]
    first = metas[0]
    for before, after in pairwise(metas):
        differing = [key for key in SAME if before[key] != after[key]]
        if differing:
            raise DatasetError(f"the episodes differ in {', '.join(differing)}")
        if int(before["toMs"]) > int(after["fromMs"]):
            raise DatasetError("the ranges of the episodes overlap")
    kept = [columns["ts"] > int(meta["trainedToMs"]) for meta, columns in parts]
    if not any(mask.any() for mask in kept):
        raise DatasetError("the models were trained on all of these bars: export later ones with `qtrader dataset episodes`")
    # The same symbol has another index in another folder.
    symbols = sorted({name for meta in metas for name in meta["symbols"]})
    for meta, columns in parts:
        columns["symbol"] = np.array([symbols.index(name) for name in meta["symbols"]], dtype=np.int32)[columns["symbol"]]
    joined = {
        name: np.concatenate([columns[name][mask] for (_, columns), mask in zip(parts, kept, strict=True)])
        for name in parts[0][1]
    }
    return Episodes(
        state_columns=tuple(first["stateColumns"]),
        signal_columns=tuple(first["signalColumns"]),
        horizon_bars=int(first["horizonBars"]),
        bar_ms=int(first["barMs"]),
        positions_max=int(first["positionsMax"]),
        exposure_max=float(first["exposureMax"]),
        stop_window_bars=int(first["stopHitsWindowMs"]) // int(first["barMs"]),
        sources=tuple(metas),
        left_out=sum(int((~mask).sum()) for mask in kept),
        **joined,
    )


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    about, path = folder / "episodes.json", folder / "episodes.parquet"
    try:
        meta: dict[str, Any] = json.loads(about.read_text("utf-8"))
        if meta["schemaVersion"] != 1:
            raise DatasetError(f"{about}: schemaVersion is {meta['schemaVersion']}, not 1")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != meta["sha256"]:
            raise DatasetError(f"{path}: sha256 is {digest}, episodes.json says {meta['sha256']}")
        expected = [name for name in meta["stateColumns"] if name not in ACCOUNT_COLUMNS]
        if meta["signalColumns"] != expected or len(expected) + len(ACCOUNT_COLUMNS) != len(meta["stateColumns"]):
            raise DatasetError(f"{about}: the state is not made of the signal's columns and {', '.join(ACCOUNT_COLUMNS)}")
        table = pq.read_table(path)
        columns = {
            "ts": read_column(table, "ts", np.int64),
            "symbol": read_column(table, "symbol", np.int32),
            "bars_held": read_column(table, "bars_held", np.int32),
            "stopped": read_column(table, "stopped", np.int32) == 1,
            "full_share": read_column(table, "full_share", np.float32).astype(np.float64),
            "signal": np.stack([read_column(table, name, np.float32) for name in meta["signalColumns"]], axis=1),
            "path": np.stack(
                [read_column(table, f"return_{bar + 1}", np.float32) for bar in range(meta["horizonBars"])], axis=1
            ).astype(np.float64),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{folder}: not readable as episodes: {error!r}") from error
    _check(path, meta, columns)
    return meta, columns


def _check(path: Path, meta: dict[str, Any], columns: dict[str, Any]) -> None:
    ts, held, share = columns["ts"], columns["bars_held"], columns["full_share"]
    if len(ts) != meta["rows"] or len(ts) == 0:
        raise DatasetError(f"{path}: {len(ts)} rows, episodes.json says {meta['rows']}")
    if np.any(np.diff(ts) < 0) or np.any(ts % meta["barMs"] != 0):
        raise DatasetError(f"{path}: ts must ascend on the grid of {meta['barMs']} ms")
    if not (np.isfinite(columns["signal"]).all() and np.isfinite(columns["path"]).all()):
        raise DatasetError(f"{path}: a value is not finite")
    if (held < 1).any() or (held > meta["horizonBars"]).any() or (share <= 0).any() or (share > 1).any():
        raise DatasetError(f"{path}: bars_held must be 1 to {meta['horizonBars']}, full_share above 0 and at most 1")
    symbol = columns["symbol"]
    if (symbol < 0).any() or (symbol >= len(meta["symbols"])).any() or (columns["path"] <= -1).any():
        raise DatasetError(f"{path}: a symbol is unknown, or a return takes more than all")
