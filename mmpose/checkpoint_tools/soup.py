"""Model soup: the mean of the weights of several checkpoints, as far as validation gains by it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from mmpose.checkpoints.load import load_model
from mmpose.engine.hooks.checkpoint_hook import is_better, watched_metric
from mmpose.engine.runner import PoseRunner
from mmpose.evaluation.metrics import greater_is_better

State = dict[str, Tensor]


class Validation:
    """Scores of weights on the data that a runner tests on.

    Args:
        runner: Builds no training.
        metric: Name of the metric, or ``auto`` for the primary one.
        rule: ``greater`` or ``less``, what is better; None follows from the metric.

    Attributes:
        name: Of the metric, once something is evaluated.
        greater: Whether greater is better, likewise.
    """

    def __init__(self, runner: PoseRunner, metric: str, rule: str | None = None) -> None:
        self.runner = runner
        self.name = metric
        self.rule = rule
        self.greater = True

    def load(self, path: Path) -> State:
        """Returns the weights of a checkpoint as a test has them; refuses another network."""
        model = self.runner.bare_model
        load_model(model, path, self.runner.cfg.get('trust_checkpoint', False))
        return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def evaluate(self, state: State) -> float:
        """Returns the score of weights."""
        self.runner.bare_model.load_state_dict(state)
        metrics = self.runner.test()
        option = 'default_hooks.checkpoint.save_best'
        self.name = watched_metric(self.runner, metrics, self.name, option)
        self.greater = self.rule == 'greater' if self.rule else greater_is_better(self.name)
        return float(metrics[self.name])


class Soup(NamedTuple):
    """Result of a greedy soup.

    Attributes:
        state: The averaged weights.
        ingredients: Checkpoints that were averaged, the best first.
        score: Of the mean on the validation data.
        best_score: Of the best checkpoint alone.
        is_better: Whether the mean beats the best checkpoint.
    """

    state: State
    ingredients: list[Path]
    score: float
    best_score: float
    is_better: bool


def greedy_soup(
    files: Sequence[Path],
    validation: Validation,
    top: int | None = None,
    say: Callable[[str], None] = print,
) -> Soup:
    """Greedy soup (Wortsman et al., ICML 2022, algorithm 1).

    From the best checkpoint to the worst, one becomes an ingredient if the mean with it is not
    worse on the validation data than without it. Statistics of batch norms are averaged too.

    Args:
        files: Checkpoints of one network.
        validation: Reads and scores them.
        top: How many of the best are tried; None for all.
        say: Gets a sentence on each checkpoint.

    Raises:
        ValueError: If there are fewer than two different checkpoints, or one is of another network.
    """
    scores: dict[Path, float] = {}
    seen: dict[str, Path] = {}
    for path in files:
        state = validation.load(path)
        same = seen.setdefault(_digest(state), path)
        if same != path:
            say(f'{path}: left out, it has the weights of {same.name}')
            continue
        scores[path] = validation.evaluate(state)
        say(f'{path}: {validation.name} {scores[path]:.4f}')
    sign = 1 if validation.greater else -1
    finite = [path for path in scores if math.isfinite(scores[path])]
    ranked = sorted(finite, key=lambda path: -sign * scores[path])[:top]
    if len(ranked) < 2:
        raise ValueError(
            f'a soup needs two different checkpoints at least, but there are {len(ranked)} with a '
            'score; give more'
        )
    best = ranked[0]
    mean, score, ingredients = validation.load(best), scores[best], [best]
    for path in ranked[1:]:
        candidate = add_to_mean(mean, validation.load(path), len(ingredients))
        new = validation.evaluate(candidate)
        is_kept = sign * new >= sign * score
        say(f'mean with {path}: {new:.4f}, {"kept" if is_kept else "not kept"}')
        if is_kept:
            mean, score = candidate, new
            ingredients.append(path)
    gains = is_better(score, scores[best], validation.greater)
    return Soup(mean, ingredients, score, scores[best], gains)


def add_to_mean(mean: State, state: State, num: int) -> State:
    """Returns the mean of ``num`` + 1 states from that of ``num`` and one more; integers stay."""
    return {
        name: ((x.double() * num + state[name].double()) / (num + 1)).to(x.dtype)
        if x.is_floating_point()
        else x
        for name, x in mean.items()
    }


def find_checkpoints(paths: Sequence[str]) -> list[Path]:
    """Returns checkpoint files; a folder stands for all ``.pth`` files in it.

    Raises:
        FileNotFoundError: If a file is missing, or a folder has none.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        found = sorted(path.glob('*.pth')) if path.is_dir() else [path]
        if not found or not all(file.is_file() for file in found):
            raise FileNotFoundError(f"there is no checkpoint '{path}'; name .pth files or a folder")
        files += found
    return list(dict.fromkeys(files))


def _digest(state: State) -> str:
    digest = hashlib.sha256()
    for tensor in state.values():
        if tensor.is_floating_point():
            digest.update(tensor.cpu().float().numpy().tobytes())
    return digest.hexdigest()
