"""Ultralytics pose: a text file per image and a ``data.yaml``.

Format: https://docs.ultralytics.com/datasets/pose/. A line is ``class x y width height`` and then
``px py`` or ``px py visibility`` of each keypoint; x and y are the centre of the box, and all but
the class and the visibility is divided by the image size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.convert.files import ImageFolder, read_text
from mmpose.dataset_tools.convert.label_set import (
    VISIBLE,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    neutral_names,
)
from mmpose.metainfo.keypoint_names import find_partners
from mmpose.structures.media_files import IMAGE_SUFFIXES

CONFIG = 'data.yaml'
NUMBERED = re.compile(r'-\d+$')


def read_ultralytics(source: Path, images: ImageFolder, split: str = 'train') -> LabelSet:
    """Returns the labels of one split of a dataset.

    Args:
        source: The ``data.yaml``, or the folder that holds it.
        images: Where the images are if not in the folder that ``data.yaml`` names.
        split: The split, a key of ``data.yaml``.

    Raises:
        FileNotFoundError: If the images, which give names and sizes, are missing.
        ValueError: If a file is malformed; the message names file and line.
    """
    config_path = source / CONFIG if source.is_dir() else source
    config = _read_config(config_path)
    root, folder = _split_folder(config, config_path, split)
    image_root = images.path or folder
    if not image_root.is_dir():
        raise FileNotFoundError(
            f"{config_path}: the images of '{split}' are needed for their sizes, but the folder "
            f'{image_root} does not exist; give it with --images'
        )
    label_root = root / Path('labels', *folder.relative_to(root).parts[1:])
    names = _keypoint_names(config)
    sizes = ImageFolder(image_root)
    found: list[LabelledImage] = []
    instances: list[LabelledInstance] = []
    used: list[int] = []  # classes in the order in which they appear
    for path in sorted(
        path for path in image_root.rglob('*') if path.suffix.lower() in IMAGE_SUFFIXES
    ):
        name = path.relative_to(image_root)
        label_path = (label_root / name).with_suffix('.txt')
        image = LabelledImage(name.as_posix(), sizes.wh(name.as_posix(), config_path))
        for row in _rows(label_path, config_path, config):
            category = int(row[0])
            used += [category] * (category not in used)
            dims = config['kpt_shape'][1]
            instances.append(_instance(row, image.wh, dims, len(found), used.index(category)))
        found.append(image)
    if not instances:
        raise ValueError(f'{label_root}: there is no label of an image in {image_root}')
    categories = tuple(config['names'][category] for category in used)
    return LabelSet(tuple(names), (), categories, tuple(found), tuple(instances))


def write_ultralytics(labels: LabelSet, target: Path, split: str = 'train') -> dict[Path, str]:
    """Returns the texts of ``data.yaml`` and of a label file per image.

    The images belong into ``images/<split>`` below the target. ``flip_idx`` is that of
    the skeleton, or is written where the keypoint names tell left from right.
    """
    texts = {target / CONFIG: _config(labels)}
    for image, instances in zip(labels.images, labels.of_image(), strict=True):
        path = target / 'labels' / split / Path(image.file_name).with_suffix('.txt')
        if path in texts:
            raise ValueError(
                f"'{image.file_name}' and another image would both have the file {path}; rename one"
            )
        lines = [_line(instance, image.wh) for instance in instances]
        texts[path] = ''.join(f'{line}\n' for line in lines)
    return texts


def mirror_names(names: Sequence[str]) -> list[int] | None:
    """Returns the index of each name's mirror partner, as far as names tell left from right.

    None if no name has a partner, or if names are numbered ('face-0'), which says nothing.
    """
    if any(NUMBERED.search(name) for name in names):
        return None
    flips = find_partners(names)
    return None if flips == list(range(len(names))) else flips


def _read_config(path: Path) -> Json:
    import yaml

    try:
        config = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise ValueError(f'{path} is not valid YAML: {error}') from None
    shape = config.get('kpt_shape') if isinstance(config, dict) else None
    if not isinstance(shape, list) or len(shape) != 2 or shape[1] not in (2, 3):
        raise ValueError(
            f"{path}: field 'kpt_shape' is {shape!r}, expected [keypoints, 2 or 3]; is it the "
            'data.yaml of a pose dataset?'
        )
    names: Any = config.get('names')
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise ValueError(f"{path}: field 'names' is {names!r}, expected the names of the classes")
    return {**config, 'names': {int(key): str(name) for key, name in names.items()}}


def _split_folder(config: Json, config_path: Path, split: str) -> tuple[Path, Path]:
    """Returns the root of the dataset and the folder of the images of a split.

    The root is where ``data.yaml`` is, or ``path`` in it if only there such a folder exists.
    """
    place = config.get(split)
    if not isinstance(place, str):
        splits = [key for key in ('train', 'val', 'test') if isinstance(config.get(key), str)]
        raise ValueError(
            f"{config_path}: field '{split}' is {place!r}, expected the folder of its images; "
            f'--split may be one of {splits}'
        )
    parts = Path(place).parts
    if 'images' not in parts:
        raise ValueError(f"{config_path}: field '{split}' is '{place}', expected images/...")
    below = Path(*parts[parts.index('images') :])
    roots = [config_path.parent, config_path.parent / str(config.get('path') or '.')]
    root = next((root for root in roots if (root / below).is_dir()), roots[0])
    return root, root / below


def _keypoint_names(config: Json) -> list[str]:
    num_keypoints = config['kpt_shape'][0]
    named: Any = config.get('kpt_names')
    lists = list(named.values()) if isinstance(named, dict) else [named]
    if lists and isinstance(lists[0], list) and len(lists[0]) == num_keypoints:
        return [str(name) for name in lists[0]]
    return neutral_names(num_keypoints)


def _rows(path: Path, config_path: Path, config: Json) -> list[NDArray[np.float64]]:
    """Returns the numbers of each line of a label file; a missing file has no lines."""
    num_keypoints, dims = config['kpt_shape']
    length = 5 + num_keypoints * dims
    rows = []
    for i, line in enumerate(read_text(path).splitlines() if path.is_file() else ()):
        where = f'{path}: line {i + 1}'
        try:
            row = np.array([float(text) for text in line.split()])
        except ValueError:
            raise ValueError(f"{where} is '{line[:60]}', expected numbers") from None
        if len(row) != length:
            raise ValueError(
                f'{where} has {len(row)} numbers, expected {length} (class, box and the keypoints '
                'of kpt_shape)'
            )
        if row[0] not in config['names']:
            raise ValueError(f"{where}: class {row[0]:g} is not in 'names' of {config_path}")
        rows.append(row)
    return rows


def _instance(
    row: NDArray[np.float64], wh: tuple[int, int], dims: int, image: int, category: int
) -> LabelledInstance:
    x, y, width, height = (float(value) for value in row[1:5] * np.tile(wh, 2))
    points = row[5:].reshape(-1, dims)  # (K * dims,) -> (K, dims)
    is_labelled = points[:, :2].any(1)
    visibility = points[:, 2] if dims == 3 else np.where(is_labelled, VISIBLE, 0)
    keypoints = np.column_stack([points[:, :2] * wh, visibility])
    box = (x - width / 2, y - height / 2, width, height)
    return LabelledInstance(image, category, keypoints, box)


def _line(instance: LabelledInstance, wh: tuple[int, int]) -> str:
    assert instance.bbox_xywh is not None
    x, y, width, height = instance.bbox_xywh
    box = [x + width / 2, y + height / 2, width, height] / np.tile(wh, 2)
    words = [str(instance.category), *(f'{value:.6f}' for value in box)]
    for x, y, visibility in instance.keypoints:
        place = (x / wh[0], y / wh[1]) if visibility else (0.0, 0.0)
        words += [*(f'{value:.6f}' for value in place), str(int(visibility))]
    return ' '.join(words)


def _config(labels: LabelSet) -> str:
    """Returns ``data.yaml``; JSON lists and strings are YAML as well."""
    names = list(labels.keypoint_names)
    flips = labels.flip_indices or mirror_names(names)
    lines = [
        'train: images/train',
        'val: images/val',
        f'kpt_shape: [{len(names)}, 3]',
        *([f'flip_idx: {json.dumps(list(flips))}'] if flips else []),
        'names:',
        *(f'  {i}: {json.dumps(name)}' for i, name in enumerate(labels.categories)),
        'kpt_names:',
        *(f'  {i}: {json.dumps(names)}' for i in range(len(labels.categories))),
    ]
    return '\n'.join(lines) + '\n'
