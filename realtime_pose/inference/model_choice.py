"""Available models of an application, chosen by name; a visitor never gives a path."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mmpose.backends.model_names import HUB, find_model
from mmpose.config.names import CONFIGS
from realtime_pose.capture.named_source import PROJECT_ROOT

TOY_CONFIG = CONFIGS / 'body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
WORK_DIRS = ('work_dirs/quickstart', 'work_dirs/quickstart_long')  # of tools/quickstart.sh
PUBLISHED = 'vitpose-b'  # trained on photographs
WEIGHTS = 'model.safetensors'
CHECK_S = 3  # for the hub to say how large its file is
RANDOM = 'random'
GENERATED_NOTE = 'THIS MODEL KNOWS GENERATED FIGURES ONLY'
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

    @property
    def picture_note(self) -> str:
        """What a picture with its poses has to say; empty for a model that knows photographs."""
        if not self.checkpoint:
            return 'RANDOM WEIGHTS'
        is_text = self.config.suffix == '.py' and self.config.is_file()
        about = self.config.read_text(encoding='utf-8') if is_text else ''
        is_generated = re.search(r'(\b|_)toy(\b|_)', f'{self.config.name} {about}')
        return GENERATED_NOTE if is_generated else ''


def available_models(
    environment: Mapping[str, str] = os.environ, root: Path = PROJECT_ROOT
) -> dict[str, ModelChoice]:
    """Returns the available models by name, the default first.

    These are the model of ``VITPOSE_CONFIG`` and ``VITPOSE_CHECKPOINT``, a published one whose
    weights are here or can be downloaded, those trained by ``tools/quickstart.sh``, which know
    generated figures only, and one with random weights.

    Raises:
        FileNotFoundError: If the environment names a file that is missing.
    """
    found = []
    config = environment.get('VITPOSE_CONFIG')
    checkpoint = environment.get('VITPOSE_CHECKPOINT')
    if config or checkpoint:
        found.append(_of_environment(config, checkpoint))
    if (published := published_model()) is not None:
        found.append(published)
    for folder in WORK_DIRS:
        try:
            source = find_model(root / folder) if (root / folder).is_dir() else None
        except FileNotFoundError:  # a training that has not come far enough
            continue
        if source is not None and source.config is not None:
            found.append(ModelChoice(Path(folder).name, source.config, source.checkpoint))
    found.append(ModelChoice(RANDOM, TOY_CONFIG, None))
    return {choice.name: choice for choice in found}


@lru_cache(maxsize=1)
def published_model() -> ModelChoice | None:
    """Returns a published model, with the size of its download in its name where it is not here.

    None where it cannot be had: without ``huggingface_hub``, the hub or our configs.
    """
    try:
        import huggingface_hub as hub

        source, name = find_model(PUBLISHED), PUBLISHED
        if not isinstance(hub.try_to_load_from_cache(HUB[PUBLISHED], WEIGHTS), str):
            address = hub.hf_hub_url(HUB[PUBLISHED], WEIGHTS)
            size = hub.get_hf_file_metadata(address, timeout=CHECK_S).size or 0
            name = f'{PUBLISHED} (downloads {size / 1e6:.0f} MB)'
    except Exception:  # no package, no network, no configs: there is another model
        return None
    return None if source.config is None else ModelChoice(name, source.config, source.checkpoint)


def _of_environment(config: str | None, checkpoint: str | None) -> ModelChoice:
    if not config:
        raise FileNotFoundError('VITPOSE_CHECKPOINT is set without VITPOSE_CONFIG; set both')
    for variable, file in (('VITPOSE_CONFIG', config), ('VITPOSE_CHECKPOINT', checkpoint)):
        if file and not Path(file).is_file():
            raise FileNotFoundError(f"{variable} is '{file}', which does not exist")
    return ModelChoice(Path(config).stem, Path(config), checkpoint or None)


def default_model() -> ModelChoice:
    """Returns the default model: the first available one."""
    return next(iter(available_models().values()))
