"""The search for parameters: bounded, repeatable, and every try on record."""

from __future__ import annotations

import json
from pathlib import Path

from training.dataset import Dataset
from training.folds import FoldPlan
from training.search import score, search
from training.trainers.train_lightgbm import LightGbmTrainer
from training.trainers.train_nhits import nhits_trainer
from training.trainers.trainer import Run
from training.trials import Study

RUN = Run(seed=3, threads=1)


def study_in(work: Path, data: Dataset) -> Study:
    return Study(data, FoldPlan(folds=4), RUN, row_stride=4, work=work)


def test_tries_stay_in_bounds_are_logged_once_and_come_again(data: Dataset, tmp_path: Path) -> None:
    trainer = LightGbmTrainer(RUN)
    first = search(study_in(tmp_path / "a", data), trainer, 3, tries=2)
    assert first[0].params == trainer.candidates[0]
    assert len({t.key for t in first}) == 3
    for trial in first:
        assert trial.params.keys() == trainer.space.keys()
        for name, (low, high) in trainer.space.items():
            assert low <= float(trial.params[name]) <= high
            assert isinstance(trial.params[name], int) == isinstance(low, int)
    logged = [json.loads(line)["key"] for line in (tmp_path / "a/trials.jsonl").read_text("utf-8").splitlines()]
    assert logged == [t.key for t in first]
    again = search(study_in(tmp_path / "b", data), trainer, 3, tries=2)
    assert [(t.key, score(t)) for t in again] == [(t.key, score(t)) for t in first]


def test_without_tries_or_without_a_space_only_the_candidates_are_tried(data: Dataset, tmp_path: Path) -> None:
    trainer = LightGbmTrainer(RUN)
    assert [t.params for t in search(study_in(tmp_path, data), trainer, 3, tries=0)] == list(trainer.candidates)
    assert nhits_trainer(RUN).space == {}
