"""`python -m training train …`, `… sizing …` and `… predict-speed …`, from the project's root."""

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
from training.predict_speed import measure
from training.sizing.train_sizing import SizingRequest, train_sizing
from training.train import TRAINERS, Request, train
from training.trainer import Run


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m training")
    commands = parser.add_subparsers(required=True)
    _add_train(commands.add_parser("train", help="train, export and write an ensemble"))
    _add_sizing(commands.add_parser("sizing", help="learn how large entries should be, and name the policy if it is worth it"))
    _add_predict_speed(commands.add_parser("predict-speed", help="time the trees' own libraries, for `npm run bench -- predict`"))
    given = parser.parse_args(arguments)
    try:
        given.act(given)
    except (DatasetError, ParityError, ArtefactError, EnsembleError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _add_train(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="folder that `qtrader dataset build` wrote")
    command.add_argument("--earlier", type=Path, help="dataset of an older regime: learned from in every fold, evaluated in none")
    command.add_argument("--out", type=Path, required=True, help="where models/ and ensembles/ go, e.g. models/starter")
    command.add_argument("--work", type=Path, default=Path(".qt/training"), help="trials so far; a run resumes from here")
    command.add_argument("--horizon", default="auto", choices=["auto", "3", "6", "12"])
    command.add_argument("--models", type=_models, default=tuple(TRAINERS), help=f"of {','.join(TRAINERS)}")
    command.add_argument("--version", type=_version, help="e.g. v20240728_000000; default: the dataset's last bar")
    command.add_argument("--seed", type=int, default=7)
    command.add_argument("--threads", type=_positive, default=2, help="a repeat must use the same number")
    command.add_argument("--folds", type=int, default=5, choices=range(4, 13), metavar="4…12")
    command.add_argument("--row-stride", type=_positive, default=3, help="fit on every n-th bar; evaluated on all")
    command.add_argument("--search", type=_whole, default=0, metavar="N", help="tries for better parameters of each tree model")
    command.set_defaults(act=_train)


def _train(given: argparse.Namespace) -> None:
    train(
        Request(
            data=given.data,
            earlier=given.earlier,
            out=given.out,
            work=given.work,
            horizon=None if given.horizon == "auto" else int(given.horizon),
            models=given.models,
            version=given.version,
            run=Run(seed=given.seed, threads=given.threads),
            plan=FoldPlan(folds=given.folds),
            row_stride=given.row_stride,
            tries=given.search,
        )
    )


def _add_sizing(command: argparse.ArgumentParser) -> None:
    command.add_argument("--episodes", type=Path, nargs="+", required=True, help="from `qtrader dataset episodes`")
    command.add_argument("--models", type=Path, required=True, help="where the ensemble is, and a policy that ships is written")
    command.add_argument("--version", type=_version, help="default: the last candidate's bar")
    command.add_argument("--seed", type=int, default=7)
    command.add_argument("--updates", type=_positive, default=40, help="of the net in each trial")
    command.set_defaults(act=_sizing)


def _sizing(given: argparse.Namespace) -> None:
    train_sizing(SizingRequest(tuple(given.episodes), given.models, given.version, given.seed, given.updates))


def _add_predict_speed(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="folder that `qtrader dataset build` wrote")
    command.add_argument("--out", type=Path, required=True, help="where the models, inputs, answers and times go")
    command.add_argument("--batches", type=_batches, required=True, help="rows at once, e.g. 100,10000")
    command.set_defaults(act=lambda given: measure(given.data, given.out, given.batches, Run(seed=7, threads=1)))


def _models(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in TRAINERS]
    if unknown or len(names) < MIN_MODELS:
        raise argparse.ArgumentTypeError(f"at least {MIN_MODELS} of {', '.join(TRAINERS)}")
    return names


def _batches(text: str) -> list[int]:
    return [_positive(rows) for rows in text.split(",")]


def _whole(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError("must be a whole number")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of at least 1")
    return int(text)


def _version(text: str) -> str:
    if not VERSION_PATTERN.fullmatch(text):
        raise argparse.ArgumentTypeError("must look like v20240728_000000")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
