"""How long the trees' own libraries take to predict, and the same trees as ONNX for comparison.

Speed depends on the trees' number and size, not on what they learnt: the rounds are those that training settles on.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from training.artefacts import write_atomically
from training.calibration import IDENTITY
from training.dataset import F32, load_dataset
from training.trainers.train_lightgbm import LightGbmTrainer
from training.trainers.train_xgboost import XgBoostTrainer
from training.trainers.trainer import Examples, FittedModel, Run

HORIZON_BARS = 12
ROUNDS = (200, 40, 60, 60)  # of the move, the side, the expected move and its range
ROWS = 10_000  # of input; a batch is the first of them
RUNS = 51


def measure(data_folder: Path, out: Path, batches: list[int], run: Run) -> None:
    """Writes into `out` NAME.onnx, inputs.f32 [ROWS, 49], NAME.f32 [ROWS, 5] answers, and speed.json with the median
    milliseconds per model and batch."""
    data = load_dataset(data_folder)
    examples = Examples(data, data.targets[HORIZON_BARS], np.flatnonzero(data.has_sequence))
    inputs = data.inputs("tabular", examples.rows)
    inputs = np.ascontiguousarray(inputs[np.arange(ROWS) % len(inputs)])
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "inputs.f32", inputs.tobytes())
    speed = {}
    for trainer in (XgBoostTrainer(run), LightGbmTrainer(run)):
        model = trainer.fit(trainer.candidates[0], examples, None, ROUNDS)
        write_atomically(out / f"{trainer.name}.onnx", model.export(IDENTITY))
        answers = IDENTITY.answers(model.margins(inputs)).astype(np.float32)
        write_atomically(out / f"{trainer.name}.f32", answers.tobytes())
        speed[trainer.name] = {str(rows): _median_ms(model, inputs[:rows]) for rows in batches}
    write_atomically(out / "speed.json", json.dumps(speed).encode("utf-8"))


def _median_ms(model: FittedModel, inputs: F32) -> float:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        model.margins(inputs)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1_000
