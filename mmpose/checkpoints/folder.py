"""Checkpoint folders of Hugging Face and DeepSpeed: files of the weights, and the config."""

import json
import os
from typing import Any

from mmpose.checkpoints.formats import first_names

CONFIG_FILE = 'config.json'
OUR_KEY = 'mmpose_version'  # in a config.json of this package, and in no other one
LATEST_FILE = 'latest'
# in the order in which they are looked for: one file, or the list of several
WEIGHT_FILES = (
    'model.safetensors',
    'model.safetensors.index.json',
    'pytorch_model.bin',
    'pytorch_model.bin.index.json',
)
DEEPSPEED_FILE = 'mp_rank_00_model_states.pt'


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


def folder_config(folder: str) -> dict[str, Any] | None:
    """Returns the parsed ``config.json`` of a checkpoint folder; None if it has none.

    Raises:
        ValueError: If the file is damaged.
    """
    path = os.path.join(folder, CONFIG_FILE)
    return _read_json(path) if os.path.isfile(path) else None


def _read_json(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except ValueError as error:
        raise ValueError(f"'{path}' is no JSON file, download it again: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"'{path}' holds a {type(content).__name__}, expected a JSON object")
    return content
