"""The whole way from a dataset to files that serving accepts, on generated data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from training.__main__ import main
from training.artefacts import ArtefactError
from training.folds import FoldPlan
from training.train import Request, train
from training.trainers.trainer import Run

ROOT = Path(__file__).resolve().parents[2]
VERSION = "v20240728_000000"


@pytest.fixture(scope="module")
def trained(dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Request:
    base = tmp_path_factory.mktemp("trained")
    request = Request(
        data=dataset_folder,
        earlier=None,
        out=base / "out",
        work=base / "work",
        horizon=6,
        models=("xgboost", "lightgbm"),
        version=VERSION,
        run=Run(seed=7, threads=1),
        plan=FoldPlan(folds=4),
        row_stride=2,
    )
    train(request)
    return request


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_layout_hashes_and_pointer_fit_together(trained: Request) -> None:
    assert sorted(files(trained.out)) == [
        "ensembles/current.json",
        "ensembles/e20240728_000000.json",
        f"models/lightgbm/{VERSION}/manifest.json",
        f"models/lightgbm/{VERSION}/model.onnx",
        f"models/xgboost/{VERSION}/manifest.json",
        f"models/xgboost/{VERSION}/model.onnx",
        "training-log.json",
    ]
    ensemble = load(trained.out / "ensembles/e20240728_000000.json")
    assert load(trained.out / "ensembles/current.json") == {"ensembleId": ensemble["id"]}
    for member in ensemble["members"]:
        folder = trained.out / "models" / member["name"] / member["version"]
        assert member["sha256"] == hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
        assert member["manifestSha256"] == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        assert member["versionId"] is None and member["weight"] > 0
    assert ensemble["label"]["horizonBars"] == 6
    assert ensemble["costs"] == {"feeBps": 2.0, "slippageBps": 1.0}


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_golden_vectors_come_back_from_the_model(trained: Request, name: str) -> None:
    folder = trained.out / "models" / name / VERSION
    golden = load(folder / "manifest.json")["goldenVectors"]
    inputs = np.frombuffer(base64.b64decode(golden["inputsBase64"]), dtype="<f4").reshape(golden["rows"], 49)
    expected = np.array(golden["answers"])
    assert golden["rows"] >= 32 and expected.shape == (golden["rows"], 5)
    assert np.abs(expected[:, :3].sum(axis=1) - 1).max() < 1e-6
    actual = ort.InferenceSession(str(folder / "model.onnx")).run(["answers"], {"features": inputs})[0]
    assert np.abs(actual - expected).max() < 1e-5
    assert np.ptp(expected[:, 2]) > 0.01


def test_out_of_fold_beats_the_prior_where_there_is_something_to_find(trained: Request) -> None:
    for name in trained.models:
        metrics = load(trained.out / "models" / name / VERSION / "manifest.json")["metrics"]
        total = metrics["outOfFold"]
        assert len(metrics["folds"]) == 4
        assert total["rows"] == sum(f["rows"] for f in metrics["folds"])
        assert total["logLoss"] < total["priorLogLoss"] - 0.01
        assert total["rankIc"] > 0.1
        assert total["trials"] == 2


def test_every_trial_is_logged_once(trained: Request) -> None:
    lines = [json.loads(line) for line in (trained.work / "trials.jsonl").read_text().splitlines()]
    assert len(lines) == len({line["key"] for line in lines}) == 2
    assert all(line["seconds"] > 0 and len(line["folds"]) == 4 for line in lines)
    assert load(trained.out / "training-log.json")["trialCount"] == 2


def test_repeat_writes_the_same_bytes_resumed_or_from_nothing(trained: Request, tmp_path: Path) -> None:
    resumed, afresh = replace(trained, out=tmp_path / "resumed"), replace(trained, out=tmp_path / "afresh", work=tmp_path / "w")
    times = {p: p.stat().st_mtime_ns for p in trained.work.rglob("*.npz")}
    for request in (resumed, afresh):
        train(request)
        assert files(request.out) == files(trained.out)
    assert {p: p.stat().st_mtime_ns for p in trained.work.rglob("*.npz")} == times  # no finished fold was fitted again


def test_interrupted_run_resumes_to_the_same_bytes(trained: Request, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained.work, work)
    for path in sorted(work.rglob("fold-*.npz"))[::3] + sorted(work.rglob("final.model"))[:1]:
        path.unlink()
    (work / "trials.jsonl").unlink()
    train(replace(trained, out=tmp_path / "out", work=work))
    assert files(tmp_path / "out") == files(trained.out)


def test_a_version_is_immutable(trained: Request, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(trained.out, out)
    manifest = out / "models" / "xgboost" / VERSION / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    before = files(out)
    with pytest.raises(ArtefactError, match="other content"):
        train(replace(trained, out=out))
    assert files(out) == before


def keys_of(source: str, schema: str) -> set[str]:
    """Top-level keys of `const schema = z.strictObject({ … })` in a TypeScript file."""
    body = re.search(rf"const {schema} = z\.strictObject\(\{{\n(.*?)\n\}}\);", source, re.DOTALL)
    assert body is not None, f"{schema} is not where it was"
    return set(re.findall(r"^  (\w+):", body.group(1), re.MULTILINE))


def test_keys_are_those_that_serving_allows(trained: Request) -> None:
    """The schemas are strict: one key more or less and every model is quarantined."""
    manifest_source = (ROOT / "lib/models/manifest.ts").read_text("utf-8")
    ensemble_source = (ROOT / "lib/models/ensemble.ts").read_text("utf-8")
    manifest = load(trained.out / f"models/lightgbm/{VERSION}/manifest.json")
    ensemble = load(trained.out / "ensembles/e20240728_000000.json")
    assert set(manifest) == keys_of(manifest_source, "manifestSchema")
    assert set(manifest["label"]) == set(ensemble["label"]) == keys_of(manifest_source, "labelSchema")
    assert set(ensemble) == keys_of(ensemble_source, "ensembleSchema")
    for member in ensemble["members"]:
        assert set(member) == keys_of(ensemble_source, "memberSchema")
    nested = re.search(r"training: z\.strictObject\(\{\n(.*?)\n  \}\)", manifest_source, re.DOTALL)
    assert nested is not None
    assert set(manifest["training"]) == set(re.findall(r"^    (\w+):", nested.group(1), re.MULTILINE))
    assert set(manifest["input"]) == {"kind", "name", "columns"}
    assert set(manifest["output"]) == {"name", "columns"}
    assert set(manifest["goldenVectors"]) == {"rows", "inputsBase64", "answers"}


def test_command_line_refuses_what_it_cannot_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "w")]
    assert main(base) == 1
    assert "DatasetError" in capsys.readouterr().err
    for wrong in (["--models", "lightgbm"], ["--models", "lightgbm,prophet"], ["--version", "v1"], ["--horizon", "5"]):
        with pytest.raises(SystemExit):
            main([*base, *wrong])
    assert not (tmp_path / "out").exists()
