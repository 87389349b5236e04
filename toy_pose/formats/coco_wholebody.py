"""COCO-WholeBody (Jin et al., ECCV 2020): 133 keypoints of body, feet, face and hands.

The release adds files to those of COCO, so this layout holds the files of format 'coco' too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toy_pose.formats.base import LabelledImage, write_json
from toy_pose.formats.coco import CocoFormat, image_ids, person_file
from toy_pose.formats.coco_fields import (
    info_fields,
    num_labelled,
    triples,
)
from toy_pose.placement import SceneStyle
from toy_pose.scene import PersonLabel

_FILES = tuple(f'annotations/coco_wholebody_{split}_v1.0.json' for split in ('train', 'val'))


@dataclass(frozen=True)
class _Part:
    """A group of keypoints with a box and a flag of its own."""

    name: str
    first: int
    last: int
    min_visible: float  # share of the points; with fewer the part is not annotated
    margin: float  # of the box round the points, in its sizes


_FOOT = slice(17, 23)
_PARTS = (
    _Part('face', 23, 91, 0.4, 0.05),
    _Part('lefthand', 91, 112, 0.4, 0.1),
    _Part('righthand', 112, 133, 0.4, 0.1),
)
_MIN_PART_PX = 8.0  # a smaller face or hand is not annotated


class CocoWholeBodyFormat(CocoFormat):
    """One or two large persons with faces and fingers."""

    name = 'coco_wholebody'
    files = (*CocoFormat.files, *_FILES)
    layout = f'as format coco, and {" and ".join(_FILES)}.'
    metainfo = 'coco_wholebody'
    style = SceneStyle(
        sizes_wh=((640, 480), (480, 640), (600, 600), (640, 426)),
        size_shares=(0.35, 0.35, 0.15, 0.15),
        person_shares=(0.6, 0.4),
        height_share=(0.75, 1.1),
        height_px=(340.0, 640.0),
        has_details=True,
    )

    @property
    def salt(self) -> tuple[int, ...]:
        return tuple(self.name.encode())

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        super().write_annotations(out, images, info, rng)
        for file, (split, found) in zip(_FILES, images.items(), strict=True):
            ids = image_ids(split, len(found))
            content = person_file(found, ids, info)
            content['info'] = info_fields('COCO-WholeBody', info)
            persons = [person for image in found for person in image.label]
            for entry, person in zip(content['annotations'], persons, strict=True):
                entry |= _whole_body(person)
            write_json(out / file, content)


def _whole_body(person: PersonLabel) -> dict[str, Any]:
    """The fields of an annotation that COCO does not have."""
    boxes, points, valid = {}, {}, {}
    for part in _PARTS:
        keypoints = person.keypoints[part.first : part.last]
        box = _part_box(keypoints, part)
        if box is None:
            keypoints = np.zeros_like(keypoints)
        boxes[f'{part.name}_box'] = [0.0] * 4 if box is None else box
        points[f'{part.name}_kpts'] = triples(keypoints)
        valid[f'{part.name}_valid'] = box is not None
    feet = person.keypoints[_FOOT]
    return {
        **boxes,
        **points,
        **valid,
        'foot_valid': num_labelled(feet) > 0,
        'foot_kpts': triples(feet),
    }


def _part_box(keypoints: np.ndarray, part: _Part) -> list[float] | None:
    """Box x, y, w, h round the keypoints (K, 3) of a part; None when too little can be seen."""
    known = keypoints[keypoints[:, 2] > 0, :2]
    if np.count_nonzero(keypoints[:, 2] == 2) < part.min_visible * len(keypoints):
        return None
    low, high = known.min(axis=0), known.max(axis=0)
    if float(np.max(high - low)) < _MIN_PART_PX:
        return None
    low, size = low - part.margin * (high - low), (1 + 2 * part.margin) * (high - low)
    corner = np.maximum(low, 0.0)
    return [round(float(side), 2) for side in (*corner, *(size - (corner - low)))]


FORMAT = CocoWholeBodyFormat()
