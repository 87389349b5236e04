"""Available models of an application, chosen by name; a visitor never gives a path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmpose.backends.model_names import CONFIGS, find_model
from realtime_pose.capture.named_source import PROJECT_ROOT

TOY_CONFIG = CONFIGS / 'body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
WORK_DIRS = ('work_dirs/quickstart', 'work_dirs/quickstart_long')  # of tools/quickstart.sh
RANDOM = 'random'
RANDOM_WARNING = (
    'RANDOM WEIGHTS: NO TRAINED MODEL WAS FOUND, SO THE POSES MEAN NOTHING. '
    'Train one in minutes with bash tools/quickstart.sh, or give a model.'
)


@dataclass(frozen=True)
class ModelChoice:
    """A model that can be chosen.

    Attributes:
        name: Display name.
        config: Config file.
        checkpoint: Weights; None for random weights.
    """

    name: str
    config: Path
    checkpoint: str | None

    @property
    def warning(self) -> str:
        """Warning to show in large letters; empty for a trained model."""
        return '' if self.checkpoint else RANDOM_WARNING


def available_models(
    environment: Mapping[str, str] = os.environ, root: Path = PROJECT_ROOT
) -> dict[str, ModelChoice]:
    """Returns the available models by name, the default first.

    These are the model of ``VITPOSE_CONFIG`` and ``VITPOSE_CHECKPOINT``, those trained by
    ``tools/quickstart.sh``, and one with random weights.

    Raises:
        FileNotFoundError: If the environment names a file that is missing.
    """
    found = []
    config = environment.get('VITPOSE_CONFIG')
    checkpoint = environment.get('VITPOSE_CHECKPOINT')
    if config or checkpoint:
        found.append(_of_environment(config, checkpoint))
    for folder in WORK_DIRS:
        try:
            source = find_model(root / folder) if (root / folder).is_dir() else None
        except FileNotFoundError:  # a training that has not come far enough
            continue
        if source is not None and source.config is not None:
            found.append(ModelChoice(Path(folder).name, source.config, source.checkpoint))
    found.append(ModelChoice(RANDOM, TOY_CONFIG, None))
    return {choice.name: choice for choice in found}


def _of_environment(config: str | None, checkpoint: str | None) -> ModelChoice:
    if not config:
        raise FileNotFoundError('VITPOSE_CHECKPOINT is set without VITPOSE_CONFIG; set both')
    for variable, file in (('VITPOSE_CONFIG', config), ('VITPOSE_CHECKPOINT', checkpoint)):
        if file and not Path(file).is_file():
            raise FileNotFoundError(f"{variable} is '{file}', which does not exist")
    return ModelChoice(Path(config).stem, Path(config), checkpoint or None)


def default_model() -> ModelChoice:
    """Returns the default model: the first available one.

    Raises:
        FileNotFoundError: If there is none, and the package is installed without its configs.
    """
    choice = next(iter(available_models().values()))
    if not choice.config.is_file():
        raise FileNotFoundError(
            'no model is given, and the config of the small one is not beside the installed '
            f'package ({PROJECT_ROOT}): install the checkout with pip install -e ., or name a '
            'model by --model or VITPOSE_CONFIG'
        )
    return choice
