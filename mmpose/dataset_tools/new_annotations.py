"""Annotation files of a new dataset in COCO's layout: reading, ids, and the split by image."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mmpose.coco.columns import Columns
from mmpose.coco.json_fields import Json
from mmpose.coco.json_file import load_coco


def read_annotations(path: Path, notes: list[str]) -> Json:
    """Returns the content of a file in COCO's layout, with ids as the dataset readers want them.

    Image ids become either all numbers or all texts, the other ids numbers.

    Args:
        notes: Gets a sentence for each kind of id that was changed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file, or an id names nothing; the message says which.
    """
    data = load_coco(path)
    _unify_image_ids(path, data, notes)
    _number_categories(data, notes)
    if any(type(ann.get('id')) is not int for ann in data['annotations']):
        for number, ann in enumerate(data['annotations'], 1):
            ann['id'] = number
        notes.append('ids of annotations that are no numbers: the annotations were numbered anew')
    return data


def split_by_image(path: Path, data: Json, share: float, seed: int) -> dict[str, Json]:
    """Sets a share of the images apart, those with labelled keypoints and the others alike.

    Args:
        path: The file, for messages.
        data: Content in COCO's layout.
        share: Share of the images for validation.
        seed: Seed of the choice.

    Returns:
        The contents of 'train' and 'val'.

    Raises:
        ValueError: If fewer than two images have labelled keypoints.
    """
    labelled = {ann['image_id'] for ann in data['annotations'] if is_labelled(ann)}
    ids = [image['id'] for image in data['images']]
    groups = [[i for i in ids if i in labelled], [i for i in ids if i not in labelled]]
    if len(groups[0]) < 2:
        raise ValueError(
            f'{path}: {len(groups[0])} images have keypoints, which cannot be split into train '
            'and val; give --val-ann'
        )
    rng = np.random.default_rng(seed)
    chosen: set[Any] = set()
    for group, least in zip(groups, (1, 0), strict=True):
        count = min(max(round(share * len(group)), least), max(len(group) - 1, 0))
        chosen |= {group[i] for i in rng.permutation(len(group))[:count]}
    return _parts(data, chosen)


def split_by_folder(path: Path, data: Json, folders: Sequence[str]) -> dict[str, Json]:
    """Sets the images of some folders apart, such as the frames of a video.

    Args:
        path: The file, for messages.
        data: Content in COCO's layout.
        folders: Folders for validation, as file names start.

    Returns:
        The contents of 'train' and 'val'.

    Raises:
        ValueError: If a folder has no image, or one part no labelled keypoints.
    """
    names = {image['id']: PurePosixPath(str(image['file_name'])) for image in data['images']}
    found = {
        f: {i for i, name in names.items() if PurePosixPath(f) in name.parents} for f in folders
    }
    known = sorted({str(name.parent) for name in names.values()})
    for folder, ids in found.items():
        if not ids:
            raise ValueError(
                f"{path}: no image is in --val-folder '{folder}'; the folders are {known[:10]}"
            )
    parts = _parts(data, set().union(*found.values()))
    for part, content in parts.items():
        if not any(map(is_labelled, content['annotations'])):
            raise ValueError(
                f'{path}: with --val-folder {" ".join(folders)} no image of {part} has keypoints; '
                f'the folders are {known[:10]}'
            )
    return parts


def _parts(data: Json, chosen: set[Any]) -> dict[str, Json]:
    rest = {image['id'] for image in data['images']} - chosen
    return {'train': with_images(data, rest), 'val': with_images(data, chosen)}


def with_images(data: Json, ids: Collection[object]) -> Json:
    """Returns the content of a file with some of its images, and the annotations on them."""
    images = [image for image in data['images'] if image['id'] in ids]
    annotations = [ann for ann in data['annotations'] if ann.get('image_id') in ids]
    return {**data, 'images': images, 'annotations': annotations}


def is_labelled(ann: Json) -> bool:
    """Says whether an annotation is a sample to train on."""
    return any(ann.get('keypoints') or ()) and not ann.get('iscrowd')


def boxes_are_images(data: Json) -> bool:
    """Says whether the box of each sample is its whole image."""
    wh = {image['id']: [image.get('width'), image.get('height')] for image in data['images']}
    samples = [ann for ann in data['annotations'] if is_labelled(ann)]
    return bool(samples) and all(
        list(ann.get('bbox') or ()) == [0, 0, *wh[ann['image_id']]] for ann in samples
    )


def _unify_image_ids(path: Path, data: Json, notes: list[str]) -> None:
    uses = [(image, 'id') for image in data['images']]
    uses += [(ann, 'image_id') for ann in data['annotations']]
    ids = [
        *Columns(path, 'image', data['images']).identifiers('id'),
        *Columns(path, 'annotation', data['annotations']).identifiers('image_id'),
    ]
    if len({type(found) for found in ids}) > 1:
        numbers = [_as_number(found) for found in ids]
        unified = list(map(str, ids)) if None in numbers else numbers
        first = len(data['images'])
        if len(set(unified[:first])) < len(set(ids[:first])):
            raise ValueError(
                f'{path}: image ids are numbers and texts, and some differ in nothing else, such '
                'as 7 and "7"; give each image its own id'
            )
        for (entry, key), value in zip(uses, unified, strict=True):
            entry[key] = value
        kind = 'texts' if None in numbers else 'numbers'
        notes.append(f'image ids were numbers and texts; in the files written all are {kind}')
    known = {image['id'] for image in data['images']}
    for ann in data['annotations']:
        if ann['image_id'] not in known:
            raise ValueError(
                f'{path}: annotation {ann.get("id")} is for image {ann["image_id"]!r}, which is '
                "not listed under 'images'"
            )


def _as_number(found: int | str) -> int | None:
    """Returns a number for 7 and '7', but not for '007', which is another name."""
    return int(found) if str(found).isdecimal() and str(int(found)) == str(found) else None


def _number_categories(data: Json, notes: list[str]) -> None:
    uses = [(category, 'id') for category in data['categories']]
    uses += [(ann, 'category_id') for ann in data['annotations'] if 'category_id' in ann]
    if all(type(entry.get(key)) is int for entry, key in uses):
        return
    numbers = {found: i for i, found in enumerate(dict.fromkeys(str(e.get(k)) for e, k in uses), 1)}
    for entry, key in uses:
        entry[key] = numbers[str(entry.get(key))]
    shown = ', '.join(f'{found} is {number}' for found, number in list(numbers.items())[:10])
    notes.append(f'ids of categories that are no numbers were numbered: {shown}')
