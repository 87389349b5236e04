"""COCO keypoint JSON, the format that training reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mmpose.coco.category_choice import by_skeleton
from mmpose.coco.json_fields import Json
from mmpose.coco.json_file import load_coco
from mmpose.coco.reader import AnnotationReader
from mmpose.dataset_tools.convert.files import ImageFolder
from mmpose.dataset_tools.convert.label_set import (
    LabelledImage,
    LabelledInstance,
    LabelSet,
    count_notes,
    exact,
    neutral_names,
    tidy,
)


def read_coco(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of a COCO keypoint file (https://cocodataset.org/#format-data).

    Crowds, and annotations without keypoints, are left out.

    Raises:
        TypeError, ValueError: If the file is malformed; the message names entry and field.
    """
    data = load_coco(source)
    names, skeleton_links = _skeleton(source, data)
    reader = AnnotationReader(source, {'keypoints': len(names)}, purpose='conversion')
    found = reader.read()
    labelled = ~found.iscrowd & (found.keypoints.any(axis=(1, 2)) | found.keypoints_visible.any(1))
    used = list(dict.fromkeys(found.category_id[labelled].tolist()))
    unknown = [category for category in used if category not in reader.categories]
    if unknown and reader.categories:
        raise ValueError(f"{source}: category_id {unknown[0]} is not in 'categories'")
    places = reader.images.find(found.image_id.tolist()).tolist()
    points = np.concatenate([found.keypoints, found.keypoints_visible[..., None]], axis=2)
    instances = [
        LabelledInstance(
            places[row],
            used.index(found.category_id[row]),
            points[row],
            tuple(found.bbox_xywh[row].tolist()) if found.bbox_xywh[row].any() else None,
        )
        for row in np.flatnonzero(labelled)
    ]
    sizes = np.asarray(reader.images.wh).reshape(-1, 2).tolist()
    left_out = {
        'crowds': int(found.iscrowd.sum()),
        'annotations without keypoints': int((~labelled & ~found.iscrowd).sum()),
    }
    categories = [str(reader.categories.get(i, {}).get('name', i)) for i in used]
    sized = [
        LabelledImage(name, tuple(wh) if all(wh) else images.wh(name, source))
        for name, wh in zip(reader.images.names, sizes, strict=True)
    ]
    return LabelSet(names, skeleton_links, categories, sized, instances, count_notes(left_out))


def write_coco(labels: LabelSet, target: Path) -> dict[Path, str]:
    """Returns the text of a COCO keypoint file; ids count from 1.

    ``area`` is that of the box, since no other format stores the area of the outline.
    """
    links = [[a + 1, b + 1] for a, b in labels.skeleton_links]  # COCO counts keypoints from 1
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
                'skeleton': links,
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
        'keypoints': [exact(value) for value in keypoints.ravel().tolist()],
    }


def _skeleton(source: Path, data: Json) -> tuple[list[str], list[tuple[int, int]]]:
    """Returns the keypoint names and limbs that all categories share."""
    skeletons = by_skeleton(data['categories'])
    if len(skeletons) > 1:
        (first, *_), (second, *_) = skeletons[:2]
        raise ValueError(
            f"{source}: categories '{first.get('name')}' and '{second.get('name')}' have "
            'different keypoints; split the file and convert one skeleton at a time'
        )
    if not skeletons:
        lengths = {len(entry.get('keypoints') or ()) for entry in data['annotations']} - {0}
        if len(lengths) != 1 or (length := lengths.pop()) % 3:
            raise ValueError(f"{source}: no category has 'keypoints', expected the keypoint names")
        return neutral_names(length // 3), []
    entry = skeletons[0][0]
    names = list(map(str, entry['keypoints']))
    if len(set(names)) < len(names):
        return neutral_names(len(names)), []
    skeleton_links = [(int(a) - 1, int(b) - 1) for a, b in entry.get('skeleton') or ()]
    if any(not 0 <= end < len(names) for limb in skeleton_links for end in limb):
        raise ValueError(
            f"{source}: category '{entry.get('name')}' has a limb outside of keypoints "
            f"1..{len(names)} in 'skeleton'"
        )
    return names, skeleton_links
