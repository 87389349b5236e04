"""Model names: a name, a config, a work dir of a training or an exported file -> its files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from mmpose.checkpoints.download import HUB_SCHEME
from mmpose.checkpoints.folder import CONFIG_FILE, OUR_KEY, folder_config
from mmpose.checkpoints.io import local_copy, run_checkpoint
from mmpose.config.names import CONFIGS, canonical_name, config_stems, model_names

# Models of the Hugging Face hub in safetensors; the other published weights are .pth files on
# drives that ask for a browser.
HUB = {
    'vitpose-b': 'usyd-community/vitpose-base',
    'vitpose-b-simple': 'usyd-community/vitpose-base-simple',
    'vitpose+-s': 'usyd-community/vitpose-plus-small',
    'vitpose+-b': 'usyd-community/vitpose-plus-base',
    'vitpose+-l': 'usyd-community/vitpose-plus-large',
    'vitpose+-h': 'usyd-community/vitpose-plus-huge',
}
HUB_DATASET = 'coco'  # of whose head alone the hub has the weights
EXPORTED_SUFFIXES = ('.onnx', '.xml', '.pt2', '.torchscript', '.engine')
CONFIG_OF_RUN = 'config.py'  # in a work dir
HUB_PREFIX = f'{HUB_SCHEME}://'


@dataclass(frozen=True)
class ModelSource:
    """Files of a model.

    Attributes:
        config: Config file; None for an exported file.
        checkpoint: Path or address of the weights, or the exported file; None if there are none.
        dataset: Which head of several; None for the first.
        name: As the user gave it.
    """

    config: Path | None
    checkpoint: str | None
    dataset: str | None
    name: str


def find_model(
    model: str | Path, checkpoint: str | Path | None = None, dataset: str | None = None
) -> ModelSource:
    """Returns the files of a model.

    Args:
        model: A name of ``model_names`` (``vitpose-base``, ``vitpose+_huge`` and the names of the
            Hugging Face hub are understood too); a config file; a work dir, of which the best
            checkpoint is taken, or else the last; a folder of ``save_pretrained``;
            ``hf://organisation/name``, where one was uploaded; or an exported file.
        checkpoint: Weights, path or address. A name without it takes those of the Hugging Face
            hub, where it has them.
        dataset: Which head of a model of several datasets.

    Raises:
        FileNotFoundError: If there is no such file, or a work dir without a checkpoint.
        ValueError: If there is no such name, or nothing that could be downloaded.
    """
    text = str(model)
    weights = None if checkpoint is None else str(checkpoint)
    path = Path(text)
    if text.startswith(HUB_PREFIX):
        return _of_hub(text, weights, dataset)
    if path.is_dir():
        return _of_folder(path, weights, dataset)
    if path.suffix in EXPORTED_SUFFIXES:
        if weights is not None:
            raise ValueError(f"'{text}' holds its weights; omit the checkpoint '{weights}'")
        return ModelSource(None, text, dataset, text)
    if path.suffix == '.py':
        if not path.is_file():
            raise FileNotFoundError(f'config file {text} does not exist')
        return ModelSource(path, weights, dataset, text)
    if path.is_file():
        raise ValueError(
            f"'{text}' is neither a config (.py) nor an exported model "
            f'({", ".join(EXPORTED_SUFFIXES)}); give the config of a checkpoint before it, '
            'tools/inspect_checkpoint.py says which'
        )
    return _of_name(text, weights, dataset)


def _of_hub(text: str, weights: str | None, dataset: str | None) -> ModelSource:
    repo, _, revision = text.removeprefix(HUB_PREFIX).partition('@')
    if canonical_name(repo) in model_names():
        weights = weights or (text if revision else None)
        return _of_name(repo, weights, dataset)
    folder = Path(local_copy(text))
    if OUR_KEY not in (folder_config(str(folder)) or {}):
        raise ValueError(
            f"'{text}' was not uploaded by mmpose, so its {CONFIG_FILE} says nothing of crops and "
            f"skeleton; give the config of its model, and '{text}' as the checkpoint"
        )
    return replace(_of_folder(folder, weights, dataset), name=text)


def _of_folder(folder: Path, weights: str | None, dataset: str | None) -> ModelSource:
    config = folder / CONFIG_OF_RUN
    if not config.is_file():
        if OUR_KEY in (folder_config(str(folder)) or {}):
            return ModelSource(folder / CONFIG_FILE, weights or str(folder), dataset, str(folder))
        raise FileNotFoundError(
            f"the folder '{folder}' has no {CONFIG_OF_RUN}, so it is no work dir of "
            f'tools/train.py, and no {CONFIG_FILE} of save_pretrained'
        )
    if weights is None:
        weights = run_checkpoint(folder)
        if weights is None:
            raise FileNotFoundError(f"the work dir '{folder}' has no checkpoint yet")
    return ModelSource(config, weights, dataset, str(folder))


def _of_name(text: str, weights: str | None, dataset: str | None) -> ModelSource:
    names = model_names()
    name = canonical_name(text)
    if name not in names:
        if text.lower() in (stems := config_stems()):
            return ModelSource(stems[text.lower()], weights, dataset, text)
        close = get_close_matches(name, names, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else '.'
        raise ValueError(
            f"there is no file and no model '{text}'{hint} Names are {', '.join(sorted(names))}"
        )
    file, default_dataset = names[name]
    source = ModelSource(CONFIGS / file, weights, dataset or default_dataset, text)
    if weights is not None:
        return source
    known = [key for key in HUB if names[key][0] == file]
    if not known or source.dataset not in (None, HUB_DATASET):
        of = f" for '{source.dataset}'" if source.dataset else ''
        raise ValueError(
            f"the weights of '{text}'{of} cannot be downloaded by name; fetch them from the model "
            'zoo of ViTPose (its README has the links) and give the path as the checkpoint'
        )
    return replace(source, checkpoint=f'hf://{HUB[known[0]]}')
