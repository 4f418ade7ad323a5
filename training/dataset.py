"""Reads what `qtrader dataset build` wrote, and refuses anything that is not exactly that.

Every check here stands for a way in which training and serving could come to see different features.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

CLASSES = ("sell", "hold", "buy")
FEATURES = 49
SEQUENCE_COLUMNS = 8
SEQUENCE_STEPS = 96


class DatasetError(Exception):
    """The dataset is not what its dataset.json says; training on it would mean training on something unknown."""


@dataclass(frozen=True)
class Targets:
    """What one horizon adds to the rows of a dataset; every array is [rows]."""

    horizon_bars: int
    label: I32  # 0 sell, 1 hold, 2 buy
    weight: F32  # sample uniqueness
    barrier_bps: F32
    forward_return: F32  # ln(close after the horizon / close now)

    market_move: F32  # mean over the symbols of the bar of barrier_moves

    def barrier_moves(self) -> F32:
        """[rows] the return over the horizon in barriers, cut off at four so that no crash outweighs all other bars."""
        return barrier_moves(self.forward_return, self.barrier_bps)

    def move_bps(self, rows: I64) -> F64:
        """[n] what holding one unit long for the horizon earns, before costs."""
        return np.expm1(self.forward_return[rows].astype(np.float64)) * 1e4


@dataclass(frozen=True)
class Dataset:
    """All symbols in one table, symbol after symbol, each in ascending time."""

    meta: dict[str, Any]
    symbols: tuple[str, ...]
    symbol_index: I32  # [rows]
    ts: I64  # [rows] open time of the bar, ms
    features: F32  # [rows, 49]
    targets: dict[int, Targets]
    sequence_columns: I64  # [8] positions within the 49
    # [rows] the 95 rows before are the 95 bars before, of the same symbol. Only these rows are trained and evaluated on, by
    # trees as well, so that all models answer for the same rows.
    has_sequence: Mask
    # Folds are cut from here on; earlier rows, of other regimes, are learned from in every fold and evaluated in none.
    folds_from_ms: int

    @property
    def bar_ms(self) -> int:
        return int(self.meta["barMs"])

    @property
    def round_trip_bps(self) -> float:
        """Costs of entering and leaving a trade, basis points."""
        return 2.0 * (float(self.meta["costs"]["feeBps"]) + float(self.meta["costs"]["slippageBps"]))

    def inputs(self, kind: str, rows: I64) -> F32:
        """[n, 49] for tabular; [n, 96, 8], oldest first, for sequence; then every row must have one."""
        if kind == "tabular":
            return self.features[rows]
        steps = np.arange(-(SEQUENCE_STEPS - 1), 1, dtype=np.int64)
        window = rows[:, None] + steps[None, :]  # [n, 96]
        return np.ascontiguousarray(self.features[window[:, :, None], self.sequence_columns])  # [n, 96, 8]


def load_dataset(folder: Path) -> Dataset:
    """Raises DatasetError naming the first thing that is not as declared."""
    meta = _read_meta(folder / "dataset.json")
    tables = [_read_symbol(folder, entry, meta) for entry in meta["symbols"]]
    horizons: list[int] = meta["horizons"]
    ts = np.concatenate([t["ts"] for t in tables])
    if len(ts) == 0:
        raise DatasetError("the dataset has no rows")
    symbol_index = np.repeat(np.arange(len(tables), dtype=np.int32), [len(t["ts"]) for t in tables])
    targets = {h: _targets(h, [np.concatenate([t[f"{c}_{h}"] for t in tables]) for c in TARGET_COLUMNS], ts) for h in horizons}
    features = np.concatenate([t["features"] for t in tables])
    tables.clear()
    names: list[str] = meta["featureNames"]
    return Dataset(
        meta=meta,
        symbols=tuple(entry["symbol"] for entry in meta["symbols"]),
        symbol_index=symbol_index,
        ts=ts,
        features=features,
        targets=targets,
        sequence_columns=np.array([names.index(c) for c in meta["sequenceColumns"]], dtype=np.int64),
        has_sequence=_has_sequence(ts, symbol_index, int(meta["barMs"])),
        folds_from_ms=int(ts.min()),
    )


EARLIER_WEIGHT = np.float32(0.5)  # what happened years ago counts half of what happened last


def with_earlier(data: Dataset, earlier: Dataset) -> Dataset:
    """The rows of an older regime before those of the dataset. Raises DatasetError unless both mean the same by every column."""
    for key in ("featureSetHash", "featureNames", "sequenceColumns", "barMs", "costs", "horizons", "labels"):
        if data.meta[key] != earlier.meta[key]:
            raise DatasetError(f"the earlier dataset has another {key}")
    if int(earlier.ts.max()) >= data.folds_from_ms:
        raise DatasetError("the earlier dataset must end before the other begins")
    symbols = tuple(dict.fromkeys([*earlier.symbols, *data.symbols]))
    position = np.array([symbols.index(s) for s in [*earlier.symbols, *data.symbols]], dtype=np.int32)
    joined = {name: np.concatenate([getattr(earlier, name), getattr(data, name)]) for name in ("ts", "features", "has_sequence")}
    return Dataset(
        meta=data.meta | {"sha256": hashlib.sha256((earlier.meta["sha256"] + data.meta["sha256"]).encode()).hexdigest()},
        symbols=symbols,
        symbol_index=np.concatenate([position[earlier.symbol_index], position[data.symbol_index + len(earlier.symbols)]]),
        targets={h: _joined_targets(earlier.targets[h], data.targets[h]) for h in data.targets},
        sequence_columns=data.sequence_columns,
        folds_from_ms=data.folds_from_ms,
        **joined,
    )


def _joined_targets(earlier: Targets, now: Targets) -> Targets:
    columns = {
        name: np.concatenate([getattr(earlier, name), getattr(now, name)])
        for name in ("label", "barrier_bps", "forward_return", "market_move")
    }
    return Targets(now.horizon_bars, weight=np.concatenate([earlier.weight * EARLIER_WEIGHT, now.weight]), **columns)


TARGET_COLUMNS = ("label", "weight", "barrier_bps", "forward_return")


def barrier_moves(forward_return: F32, barrier_bps: F32) -> F32:
    return np.asarray(np.clip(np.expm1(forward_return) / (barrier_bps / np.float32(1e4)), -4, 4), dtype=np.float32)


def _targets(horizon_bars: int, columns: list[npt.NDArray[Any]], ts: I64) -> Targets:
    label, weight, barrier_bps, forward_return = columns
    _, bar = np.unique(ts, return_inverse=True)
    moves = barrier_moves(forward_return, barrier_bps)
    market = (np.bincount(bar, weights=moves) / np.bincount(bar))[bar].astype(np.float32)
    return Targets(horizon_bars, label, weight, barrier_bps, forward_return, market)


def _has_sequence(ts: I64, symbol_index: I32, bar_ms: int) -> Mask:
    """Rows ascend without duplicates, so 95 rows back is 95 bars back exactly when no bar between has no row."""
    back = SEQUENCE_STEPS - 1
    result = np.zeros(len(ts), dtype=np.bool_)
    result[back:] = (symbol_index[back:] == symbol_index[:-back]) & (ts[back:] - ts[:-back] == back * bar_ms)
    return result


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text("utf-8"))
        expected = {"schemaVersion": 1, "sequenceSteps": SEQUENCE_STEPS}
        for key, value in expected.items():
            if meta[key] != value:
                raise DatasetError(f"{path}: {key} is {meta[key]}, not {value}")
        if len(set(meta["featureNames"])) != FEATURES or len(meta["featureNames"]) != FEATURES:
            raise DatasetError(f"{path}: featureNames must be {FEATURES} different names")
        if len(meta["sequenceColumns"]) != SEQUENCE_COLUMNS or not set(meta["sequenceColumns"]) <= set(meta["featureNames"]):
            raise DatasetError(f"{path}: sequenceColumns must be {SEQUENCE_COLUMNS} of the features")
        for horizon in meta["horizons"]:
            if meta["labels"][str(horizon)]["horizonBars"] != horizon:
                raise DatasetError(f"{path}: the label of horizon {horizon} is for another horizon")
        for key in ("featureSetHash", "sha256", "barMs", "costs", "symbols"):
            meta[key]
        return dict(meta)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: not a dataset description: {error!r}") from error


def _read_symbol(folder: Path, entry: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    path = folder / entry["file"]
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != entry["sha256"]:
            raise DatasetError(f"{path}: sha256 is {digest}, dataset.json says {entry['sha256']}")
        table = pq.read_table(path)
        marks = {k.decode(): v.decode() for k, v in (pq.read_metadata(path).metadata or {}).items()}
        columns: dict[str, Any] = {"ts": read_column(table, "ts", np.int64)}
        for horizon in meta["horizons"]:
            columns[f"label_{horizon}"] = read_column(table, f"label_{horizon}", np.int32)
            for name in TARGET_COLUMNS[1:]:
                columns[f"{name}_{horizon}"] = read_column(table, f"{name}_{horizon}", np.float32)
        columns["features"] = np.stack([read_column(table, name, np.float32) for name in meta["featureNames"]], axis=1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: not readable as rows of the dataset: {error!r}") from error
    for key, value in (("featureSetHash", meta["featureSetHash"]), ("symbol", entry["symbol"])):
        if marks.get(key) != value:
            raise DatasetError(f"{path}: {key} is {marks.get(key)}, dataset.json says {value}")
    _check_values(path, entry, columns, meta)
    return columns


def read_column(table: Any, name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
    column = table.column(name)
    if column.null_count:
        raise ValueError(f"column {name} has nulls")
    values = column.to_numpy()
    if values.dtype != dtype:
        raise ValueError(f"column {name} is {values.dtype}")
    return np.asarray(values)


def _check_values(path: Path, entry: dict[str, Any], columns: dict[str, Any], meta: dict[str, Any]) -> None:
    ts = columns["ts"]
    if len(ts) != entry["rows"]:
        raise DatasetError(f"{path}: {len(ts)} rows, dataset.json says {entry['rows']}")
    if np.any(np.diff(ts) <= 0) or np.any(ts % meta["barMs"] != 0):
        raise DatasetError(f"{path}: ts must ascend on the grid of {meta['barMs']} ms")
    if not np.isfinite(columns["features"]).all():
        raise DatasetError(f"{path}: a feature is not finite")
    for horizon in meta["horizons"]:
        if not np.isin(columns[f"label_{horizon}"], (0, 1, 2)).all():
            raise DatasetError(f"{path}: label_{horizon} must be 0, 1 or 2")
        for name in TARGET_COLUMNS[1:]:
            if not np.isfinite(columns[f"{name}_{horizon}"]).all():
                raise DatasetError(f"{path}: {name}_{horizon} is not finite")
        if (columns[f"weight_{horizon}"] <= 0).any() or (columns[f"barrier_bps_{horizon}"] <= 0).any():
            raise DatasetError(f"{path}: weights and barriers of horizon {horizon} must be positive")
