"""Writes models, manifests, the ensemble and its pointer, as lib/models/manifest.ts and lib/models/ensemble.ts read them.

Same inputs, same bytes: keys sorted, floats as their shortest exact decimal, no clock. The pointer is written last, so an
interrupted run never leaves one that points at something unfinished.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.dataset import CLASSES, F32, F64
from training.trainers.trainer import OUTPUT_NAME

VERSION_PATTERN = re.compile(r"v\d{8}_\d{6}")
MODEL_BYTES_MAX = 2_000_000  # four models together stay under 6 MB, nets included


class ArtefactError(Exception):
    """What would be written is not fit to be served, or would change something immutable."""


def canonical_json(value: Any) -> bytes:
    """Sorted keys, no spaces, no NaN or infinity, one newline at the end."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def write_atomically(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(body)
    partial.replace(path)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def golden_vectors(inputs: F32, answers: F64) -> dict[str, Any]:
    """inputs [rows, …], answers [rows, 5] from the trainer's own library, nine digits."""
    if len(inputs) < 32:
        raise ArtefactError(f"{len(inputs)} golden rows are too few: 32 at least")
    return {
        "rows": len(inputs),
        "inputsBase64": base64.b64encode(np.ascontiguousarray(inputs, dtype="<f4").tobytes()).decode("ascii"),
        "answers": [[round(float(value), 9) for value in row] for row in answers],
    }


@dataclass(frozen=True)
class ModelArtefact:
    """A model ready to be written; `description` holds the manifest's parts that do not follow from the bytes."""

    name: str
    version: str
    onnx: bytes
    description: dict[str, Any]

    def manifest(self) -> dict[str, Any]:
        return {
            "schemaVersion": 1,
            "name": self.name,
            "version": self.version,
            "file": "model.onnx",
            "sha256": sha256(self.onnx),
            "bytes": len(self.onnx),
            "output": {"name": OUTPUT_NAME, "columns": [*CLASSES, "expected_move", "move_deviation"]},
        } | self.description


def write_models(out: Path, models: list[ModelArtefact]) -> list[dict[str, Any]]:
    """The ensemble's members (without weights). A version that exists with other bytes is refused: versions are immutable."""
    members = []
    pending: list[tuple[Path, bytes]] = []
    for model in models:
        if len(model.onnx) > MODEL_BYTES_MAX:
            raise ArtefactError(f"{model.name} has {len(model.onnx)} bytes, more than {MODEL_BYTES_MAX}")
        folder = out / "models" / model.name / model.version
        manifest = canonical_json(model.manifest())
        for path, body in ((folder / "model.onnx", model.onnx), (folder / "manifest.json", manifest)):
            if path.exists() and path.read_bytes() != body:
                raise ArtefactError(f"{path} exists with other content; choose another --version")
            pending.append((path, body))
        members.append(
            {
                "name": model.name,
                "version": model.version,
                "sha256": sha256(model.onnx),
                "manifestSha256": sha256(manifest),
                "versionId": None,
            }
        )
    for path, body in pending:
        write_atomically(path, body)
    return members


def write_ensemble(out: Path, ensemble: dict[str, Any]) -> None:
    path = out / "ensembles" / f"{ensemble['id']}.json"
    body = canonical_json(ensemble)
    if path.exists() and path.read_bytes() != body:
        raise ArtefactError(f"{path} exists with other content; choose another --version")
    write_atomically(path, body)
    write_atomically(out / "ensembles" / "current.json", canonical_json({"ensembleId": ensemble["id"]}))
