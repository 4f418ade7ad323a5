"""Proves that an exported model computes what its trainer computed, or refuses it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from training.calibration import Calibration
from training.dataset import F32, F64
from training.trainers.trainer import OUTPUT_NAME, FittedModel

TOLERANCE = 1e-5  # also what every load in serving allows
MIN_ROWS = 10_000
PROBES_MAX = 100_000
SERVED_ROWS = {2: 200_000, 3: 50}  # rows at once, by the input's rank: sequences in chunks, as serving runs them
SINGLE_ROWS = 64  # ONNX Runtime takes another path for one row than for many


class ParityError(Exception):
    """The ONNX graph and the library disagree; the model must not be written."""


@dataclass(frozen=True)
class Parity:
    rows: int
    probe_rows: int
    max_abs_difference: float


def _session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run(session: ort.InferenceSession, inputs: F32) -> F32:
    """[n, 5]"""
    name, step = session.get_inputs()[0].name, SERVED_ROWS[inputs.ndim]
    chunks = [session.run([OUTPUT_NAME], {name: inputs[at : at + step]})[0] for at in range(0, len(inputs), step)]
    return np.concatenate(chunks) if chunks else np.empty((0, 5), dtype=np.float32)


def check_parity(model: FittedModel, onnx_model: bytes, calibration: Calibration, real: F32, seed: int) -> Parity:
    """On real inputs (at least 10,000, repeated if there are fewer) and on the probes. Raises ParityError above 1e-5."""
    real = real[np.arange(max(len(real), MIN_ROWS)) % len(real)]
    probes = model.probe_inputs(real, seed, PROBES_MAX)
    session = _session(onnx_model)
    worst = 0.0
    for inputs in (real, probes):
        expected = calibration.answers(model.margins(inputs)) if len(inputs) else np.empty((0, 5))
        worst = max(worst, _difference(expected, _run(session, inputs)))
        for row in range(min(SINGLE_ROWS, len(inputs))):
            worst = max(worst, _difference(expected[row : row + 1], _run(session, inputs[row : row + 1])))
    if not worst <= TOLERANCE:
        raise ParityError(f"ONNX Runtime differs from the library by {worst:.3g}, more than {TOLERANCE}")
    return Parity(len(real) + len(probes), len(probes), worst)


def _difference(expected: F64, actual: F32 | F64) -> float:
    return float(np.abs(expected - actual.astype(np.float64)).max()) if len(expected) else 0.0
