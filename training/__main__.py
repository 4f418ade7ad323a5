"""`python -m training train …`, from the project's root."""

from __future__ import annotations

import os

os.environ.setdefault(
    "OMP_WAIT_POLICY", "passive"
)  # before LightGBM and XGBoost load: waiting threads must not burn shared cores

import argparse
import sys
from pathlib import Path

from training.artefacts import VERSION_PATTERN, ArtefactError
from training.dataset import DatasetError
from training.ensemble import MIN_MODELS, EnsembleError
from training.folds import FoldPlan
from training.parity import ParityError
from training.train import TRAINERS, Request, train
from training.trainer import Run


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m training")
    command = parser.add_subparsers(required=True).add_parser("train", help="train, export and write an ensemble")
    command.add_argument("--data", type=Path, required=True, help="folder that `qt dataset build` wrote")
    command.add_argument("--out", type=Path, required=True, help="where models/ and ensembles/ go, e.g. models/starter")
    command.add_argument("--work", type=Path, default=Path(".qt/training"), help="trials so far; a run resumes from here")
    command.add_argument("--horizon", default="auto", choices=["auto", "3", "6", "12", "36"])
    command.add_argument("--models", type=_models, default=tuple(TRAINERS), help=f"of {','.join(TRAINERS)}")
    command.add_argument("--version", type=_version, help="e.g. v20240728_000000; default: the dataset's last bar")
    command.add_argument("--seed", type=int, default=7)
    command.add_argument("--threads", type=int, default=2, help="part of what a repeat must keep the same")
    command.add_argument("--folds", type=int, default=5, choices=range(4, 13), metavar="4…12")
    command.add_argument("--row-stride", type=int, default=3, help="fit on every n-th bar; judged on all")
    given = parser.parse_args(arguments)
    if given.row_stride < 1 or given.threads < 1:
        parser.error("--row-stride and --threads must be at least 1")
    request = Request(
        data=given.data,
        out=given.out,
        work=given.work,
        horizon=None if given.horizon == "auto" else int(given.horizon),
        models=given.models,
        version=given.version,
        run=Run(seed=given.seed, threads=given.threads),
        plan=FoldPlan(folds=given.folds),
        row_stride=given.row_stride,
    )
    try:
        train(request)
    except (DatasetError, ParityError, ArtefactError, EnsembleError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _models(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in TRAINERS]
    if unknown or len(names) < MIN_MODELS:
        raise argparse.ArgumentTypeError(f"at least {MIN_MODELS} of {', '.join(TRAINERS)}")
    return names


def _version(text: str) -> str:
    if not VERSION_PATTERN.fullmatch(text):
        raise argparse.ArgumentTypeError("must look like v20240728_000000")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
