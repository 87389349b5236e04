"""COCO keypoint JSON, the format that training reads."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.coco.json_fields import Json, describe, integer, numbers
from mmpose.dataset_tools.convert.files import ImageFolder, read_json
from mmpose.dataset_tools.convert.label_set import (
    Box,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    count_notes,
    neutral_names,
    tidy,
)


def read_coco(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of a COCO keypoint file (https://cocodataset.org/#format-data).

    Crowds, and annotations without keypoints, are left out.

    Raises:
        TypeError, ValueError: If the file is malformed; the message names entry and field.
    """
    data = read_json(source)
    if not isinstance(data, dict) or not all(
        isinstance(data.get(key), list) for key in ('images', 'annotations', 'categories')
    ):
        raise ValueError(
            f"{source}: expected an object with the lists 'images', 'annotations' and 'categories'"
        )
    names, skeleton_links = _skeleton(source, data)
    rows: dict[Any, int] = {}
    found: list[LabelledImage] = []
    for entry in data['images']:
        where = describe(source, 'image', entry)
        if entry.get('id') in rows:
            raise ValueError(f'{where}: this image id occurs twice, expected unique ids')
        rows[entry.get('id')] = len(found)
        found.append(_image(entry, where, source, images))
    left_out: Counter[str] = Counter()
    instances, categories = _instances(source, data, rows, len(names), left_out)
    if not instances:
        raise ValueError(f'{source}: there is no instance with labelled keypoints')
    return LabelSet(
        tuple(names),
        skeleton_links,
        tuple(categories),
        tuple(found),
        tuple(instances),
        tuple(count_notes(left_out)),
    )


def _instances(
    source: Path, data: Json, rows: dict[Any, int], num_keypoints: int, left_out: Counter[str]
) -> tuple[list[LabelledInstance], list[str]]:
    """Returns the instances, and the names of the categories that they have."""
    category_ids = {
        integer(entry, 'id', describe(source, 'category', entry)): str(entry.get('name'))
        for entry in data['categories']
    }
    used: list[int] = []
    instances = []
    for entry in data['annotations']:
        where = describe(source, 'annotation', entry)
        if entry.get('iscrowd'):
            left_out['crowds'] += 1
            continue
        if not any(entry.get('keypoints') or ()):
            left_out['annotations without keypoints'] += 1
            continue
        if entry.get('image_id') not in rows:
            raise ValueError(f"{where}: image_id {entry.get('image_id')} is not in 'images'")
        category = integer(entry, 'category_id', where)
        if category not in category_ids:
            raise ValueError(f"{where}: category_id {category} is not in 'categories'")
        used += [category] * (category not in used)
        instances.append(
            LabelledInstance(
                rows[entry['image_id']],
                used.index(category),
                np.reshape(numbers(entry, 'keypoints', where, 3 * num_keypoints), (-1, 3)) + 0.0,
                _box(entry, where),
            )
        )
    return instances, [category_ids[category] for category in used]


def write_coco(labels: LabelSet, target: Path) -> dict[Path, str]:
    """Returns the text of a COCO keypoint file; ids count from 1.

    ``area`` is that of the box, since no other format stores the area of the outline.
    """
    skeleton_links = [
        [a + 1, b + 1] for a, b in labels.skeleton_links
    ]  # COCO counts keypoints from 1
    data = {
        'images': [
            {'id': i + 1, 'file_name': name, 'width': wh[0], 'height': wh[1]}
            for i, (name, wh) in enumerate(labels.images)
        ],
        'annotations': [
            _annotation(i + 1, instance) for i, instance in enumerate(labels.instances)
        ],
        'categories': [
            {
                'id': i + 1,
                'name': name,
                'supercategory': name,
                'keypoints': list(labels.keypoint_names),
                'skeleton': skeleton_links,
            }
            for i, name in enumerate(labels.categories)
        ],
    }
    return {target: json.dumps(data) + '\n'}


def _annotation(ann_id: int, instance: LabelledInstance) -> Json:
    assert instance.bbox_xywh is not None
    bbox = [tidy(value) for value in instance.bbox_xywh]
    labelled = instance.keypoints[:, 2:] > 0
    keypoints = np.where(labelled, instance.keypoints, 0)
    return {
        'id': ann_id,
        'image_id': instance.image + 1,
        'category_id': instance.category + 1,
        'bbox': bbox,
        'area': tidy(bbox[2] * bbox[3]),
        'iscrowd': 0,
        'num_keypoints': int(labelled.sum()),
        'keypoints': [tidy(value) for value in keypoints.ravel()],
    }


def _skeleton(source: Path, data: Json) -> tuple[list[str], tuple[tuple[int, int], ...]]:
    """Returns the keypoint names and limbs that all categories share."""
    skeletons: dict[tuple[str, ...], Json] = {}
    for entry in data['categories']:
        describe(source, 'category', entry)
        if entry.get('keypoints'):
            skeletons.setdefault(tuple(entry['keypoints']), entry)
    if len(skeletons) > 1:
        first, second = list(skeletons.values())[:2]
        raise ValueError(
            f"{source}: categories '{first.get('name')}' and '{second.get('name')}' have "
            'different keypoints; split the file and convert one skeleton at a time'
        )
    if not skeletons:
        lengths = {len(entry.get('keypoints') or ()) for entry in data['annotations']} - {0}
        if len(lengths) != 1 or (length := lengths.pop()) % 3:
            raise ValueError(f"{source}: no category has 'keypoints', expected the keypoint names")
        return neutral_names(length // 3), ()
    names, entry = next(iter(skeletons.items()))
    if len(set(names)) < len(names):
        return neutral_names(len(names)), ()
    skeleton_links = tuple((int(a) - 1, int(b) - 1) for a, b in entry.get('skeleton') or ())
    if any(not 0 <= end < len(names) for limb in skeleton_links for end in limb):
        raise ValueError(
            f"{source}: category '{entry.get('name')}' has a limb outside of keypoints "
            f"1..{len(names)} in 'skeleton'"
        )
    return list(names), skeleton_links


def _image(entry: Json, where: str, source: Path, images: ImageFolder) -> LabelledImage:
    name: Any = entry.get('file_name')
    if not isinstance(name, str) or not name:
        raise TypeError(f"{where}: field 'file_name' is {name!r}, expected a file name")
    if entry.get('width') and entry.get('height'):
        return LabelledImage(
            name, (integer(entry, 'width', where), integer(entry, 'height', where))
        )
    return LabelledImage(name, images.wh(name, source))


def _box(entry: Json, where: str) -> Box | None:
    if entry.get('bbox') is None:
        return None
    x, y, width, height = numbers(entry, 'bbox', where, 4)
    return (x, y, width, height)
