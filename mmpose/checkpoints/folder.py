"""Reading checkpoints that are folders: those of Hugging Face and of DeepSpeed."""

import json
import os
from typing import Any

from mmpose.checkpoints.io import first_names, read_checkpoint

CONFIG_FILE = 'config.json'
LATEST_FILE = 'latest'
# in the order in which they are looked for: one file, or the list of several
WEIGHT_FILES = (
    'model.safetensors',
    'model.safetensors.index.json',
    'pytorch_model.bin',
    'pytorch_model.bin.index.json',
)
DEEPSPEED_FILE = 'mp_rank_00_model_states.pt'


def read_folder(folder: str, trust: bool = False) -> dict[str, Any]:
    """Returns the content of a checkpoint folder.

    Args:
        folder: Folder of Hugging Face (``config.json`` and ``model.safetensors``, which may be in
            several parts) or of DeepSpeed (``latest`` and its folder, or that folder itself).
        trust: See ``read_checkpoint``.

    Returns:
        The weights under 'state_dict' and the parsed ``config.json`` under 'huggingface_config';
        or, of DeepSpeed, what its file holds.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged or refused.
    """
    files = weight_files(folder)
    if os.path.basename(files[0]) == DEEPSPEED_FILE:
        return read_checkpoint(files[0], trust)
    state: dict[str, Any] = {}
    for file in files:
        state |= read_checkpoint(file, trust)
    content: dict[str, Any] = {'state_dict': state}
    config_file = os.path.join(folder, CONFIG_FILE)
    if os.path.isfile(config_file):
        content['huggingface_config'] = _read_json(config_file)
    return content


def weight_files(folder: str) -> list[str]:
    """Returns the paths of the files with the weights of a checkpoint folder.

    Raises:
        FileNotFoundError: If there is none, or a part of several is missing.
        ValueError: If DeepSpeed split the model itself.
    """
    for name in WEIGHT_FILES:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return _parts(path) if name.endswith('.index.json') else [path]
    path = _deepspeed_file(folder)
    if path is not None:
        return [path]
    raise FileNotFoundError(
        f"there is no checkpoint file in the folder '{folder}'; expected {WEIGHT_FILES[0]} as "
        f'Hugging Face has it, or {LATEST_FILE} as DeepSpeed has it; or name the file itself'
    )


def _parts(index_file: str) -> list[str]:
    weight_map = _read_json(index_file).get('weight_map')
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"'{index_file}' has no 'weight_map' of the parts; download it again")
    folder = os.path.dirname(index_file)
    names = sorted({os.path.basename(str(name)) for name in weight_map.values()})
    missing = [name for name in names if not os.path.isfile(os.path.join(folder, name))]
    if missing:
        raise FileNotFoundError(
            f"'{index_file}' names {len(names)} parts, of which {first_names(missing, 3)} are "
            'missing in the folder; download them'
        )
    return [os.path.join(folder, name) for name in names]


def _deepspeed_file(folder: str) -> str | None:
    latest = os.path.join(folder, LATEST_FILE)
    if os.path.isfile(latest):
        with open(latest, encoding='utf-8') as file:
            folder = os.path.join(folder, os.path.basename(file.read().strip()))
    path = os.path.join(folder, DEEPSPEED_FILE)
    if not os.path.isfile(path):
        return None
    ranks = [x for x in os.listdir(folder) if x.startswith('mp_rank_') and x.endswith('.pt')]
    if len(ranks) > 1:
        raise ValueError(
            f"'{folder}' holds the {len(ranks)} slices of a model that DeepSpeed split; join them "
            "with DeepSpeed's zero_to_fp32.py and load the result"
        )
    return path


def _read_json(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except ValueError as error:
        raise ValueError(f"'{path}' is no JSON file, download it again: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"'{path}' holds a {type(content).__name__}, expected a JSON object")
    return content
