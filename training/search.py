"""A bounded search for a trainer's parameters. Every try is a trial like any other: logged, counted, and never made twice."""

from __future__ import annotations

import optuna

from training.trainers.trainer import Params, Trainer
from training.trials import Study, Trial, run_trial

DIGITS = 3  # significant: more would only make two tries of what is one


def search(study: Study, trainer: Trainer, horizon: int, tries: int) -> list[Trial]:
    """The trainer's own parameters first, then `tries` others, each suggested by what the ones before it explained.

    The same dataset, settings and seed give the same tries. A trainer without a space is not searched.
    """
    if not trainer.space or tries == 0:
        return [run_trial(study, trainer, params, horizon) for params in trainer.candidates]
    found: dict[str, Trial] = {}

    def explained(attempt: optuna.Trial) -> float:
        params: Params = {name: _suggest(attempt, name, bounds) for name, bounds in trainer.space.items()}
        trial = run_trial(study, trainer, params, horizon)
        found[trial.key] = trial
        return score(trial)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    searched = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=study.run.seed))
    for params in trainer.candidates:
        searched.enqueue_trial(params)
    searched.optimize(explained, n_trials=len(trainer.candidates) + tries)
    return list(found.values())


def score(trial: Trial) -> float:
    """What the expected moves explained out of fold: steadier than what a few hundred signals earned, and what weights go by."""
    return float(trial.out_of_fold["moveGain"] or 0.0)


def _suggest(attempt: optuna.Trial, name: str, bounds: tuple[float, float]) -> float | int:
    low, high = bounds
    if isinstance(low, int):
        return attempt.suggest_int(name, low, int(high))
    return float(f"{attempt.suggest_float(name, low, high, log=low > 0):.{DIGITS}g}")
