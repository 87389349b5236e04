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
from mmpose.dataset_tools.convert.files import (
    ImageFolder,
    find_below,
    is_absolute,
    plain_name,
    read_image_wh,
    read_text,
    read_yaml,
)
from mmpose.dataset_tools.convert.label_set import (
    VISIBLE,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    neutral_names,
)
from mmpose.metainfo.keypoint_names import find_partners
from mmpose.structures.media_files import IMAGE_SUFFIXES
from mmpose.structures.progress import track

CONFIG = 'data.yaml'
MIN_PARTS = 2  # of an absolute path of another machine, to be looked for here
NUMBERED = re.compile(r'-\d+$')


def read_ultralytics(source: Path, images: ImageFolder, split: str = 'train') -> LabelSet:
    """Returns the labels of one split of a dataset.

    The split is a folder, a text file that lists images, or a list of such, below ``path`` or the
    folder of ``data.yaml``. As in Ultralytics, the labels lie where the last folder ``images`` in
    the path of an image is replaced by ``labels``.

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
    base, pairs = _files_of_split(config, config_path, split, images.path)
    labels_of: dict[Path, Path] = {}
    found: list[LabelledImage] = []
    instances: list[LabelledInstance] = []
    used: list[int] = []  # classes in the order in which they appear
    for path, label_path in track(pairs, 'images'):
        if label_path.is_file() and labels_of.setdefault(label_path, path) != path:
            raise ValueError(
                f'{label_path} would be the labels of {labels_of[label_path]} and of {path}; '
                'rename one image'
            )
        image = LabelledImage(path.relative_to(base).as_posix(), read_image_wh(path))
        for row in _rows(label_path, config_path, config):
            category = int(row[0])
            used += [category] * (category not in used)
            dims = config['kpt_shape'][1]
            instances.append(_instance(row, image.wh, dims, len(found), used.index(category)))
        found.append(image)
    if not instances:
        raise ValueError(
            f'{config_path}: there is no label of {len(pairs)} images in {base}, expected for '
            f'example {pairs[0][1] if pairs else "one image"}'
        )
    categories = [config['names'][category] for category in used]
    notes = [f'file names of images are relative to {base}']
    return LabelSet(_keypoint_names(config), (), categories, found, instances, notes)


def write_ultralytics(labels: LabelSet, target: Path, split: str = 'train') -> dict[Path, str]:
    """Returns the texts of ``data.yaml`` and of a label file per image.

    The images belong into ``images/<split>`` below the target. ``flip_idx`` is that of
    the skeleton, or is written where the keypoint names tell left from right.
    """
    texts = {target / CONFIG: _config(labels)}
    for path, (image, instances) in labels.by_path(target / 'labels' / split, '.txt').items():
        texts[path] = ''.join(f'{_line(instance, image.wh)}\n' for instance in instances)
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
    config = read_yaml(path)
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


def _files_of_split(
    config: Json, config_path: Path, split: str, image_folder: Path | None
) -> tuple[Path, list[tuple[Path, Path]]]:
    """Returns the folder that names of images start from, and images with their label files."""
    value = config.get(split)
    places = value if isinstance(value, list) else [value]
    if not places or not all(isinstance(place, str) and place for place in places):
        splits = [key for key in ('train', 'val', 'test') if config.get(key)]
        raise ValueError(
            f"{config_path}: field '{split}' is {value!r}, expected the folder of its images; "
            f'--split may be one of {splits}'
        )
    own = config_path.parent
    root = own / str(config.get('path') or '.')
    roots = [root, own] if root.is_dir() else [own]
    if image_folder is not None:
        if len(places) > 1 or places[0].endswith('.txt'):
            raise ValueError(
                f"{config_path}: field '{split}' is {value!r}, but --images stands for one folder; "
                'leave --images out or give the split one folder'
            )
        folder = _find(roots, places[0], config_path) or own / _inner(places[0], config_path)
        files = _images_in(image_folder)
        inner = [folder / path.relative_to(image_folder) for path in files]
        labels = [_label_path(path, roots) for path in inner]
        return image_folder, list(zip(files, labels, strict=True))
    files, base = [], None
    for place in places:
        found = _find(roots, place, config_path)
        if found is None:
            raise FileNotFoundError(
                f"{config_path}: the images of '{split}' are needed for their sizes, but "
                f'{roots[0] / _inner(place, config_path)} does not exist; give it with --images'
            )
        base = found if found.is_dir() and len(places) == 1 else base
        files += _images_in(found) if found.is_dir() else _listed(found, roots)
    files = list(dict.fromkeys(files))
    if base is None:
        base = next((r for r in roots if all(path.is_relative_to(r) for path in files)), own)
    return base, [(path, _label_path(path, roots)) for path in files]


def _inner(place: str, where: object) -> str:
    """Returns a path without ``../`` before it; Roboflow writes that, and Ultralytics drops it."""
    place = place.replace('\\', '/').removeprefix('./')
    while place.startswith('../'):
        place = place.removeprefix('../')
    return plain_name(place, where)


def _find(roots: Sequence[Path], place: str, where: object) -> Path | None:
    """Returns what a path of a file means below a folder of the dataset, or None.

    Of an absolute path that is elsewhere an end of at least two parts is looked for.
    """
    name = _inner(place, where)
    for root in roots:
        found = find_below(root, name, MIN_PARTS) if is_absolute(name) else root / name
        if found is not None and found.exists():
            return found
    return None


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f'the folder {folder} does not exist; give it with --images')
    paths = (path for path in folder.rglob('*') if path.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(path for path in paths if path.is_file())


def _listed(path: Path, roots: Sequence[Path]) -> list[Path]:
    """Returns the images that a text file lists, one path per line."""
    files = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        where = f'{path}: line {number}'
        found = _find([*roots, path.parent], line.strip(), where)
        if found is None or found.suffix.lower() not in IMAGE_SUFFIXES:
            raise FileNotFoundError(
                f"{where} is '{line[:200]}', expected an image in {roots[0]}, which it is not"
            )
        files.append(found)
    return files


def _label_path(image: Path, roots: Sequence[Path]) -> Path:
    root = next((root for root in roots if image.is_relative_to(root)), image.parent)
    parts = list(image.relative_to(root).parts)
    rows = [row for row, part in enumerate(parts[:-1]) if part == 'images']
    if rows:
        parts[rows[-1]] = 'labels'
    return root.joinpath(*parts).with_suffix('.txt')


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
    # As Ultralytics has it: without visibility a negative place is not labelled, and 0 0 is one.
    is_labelled = (points[:, :2] >= 0).all(1)
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
