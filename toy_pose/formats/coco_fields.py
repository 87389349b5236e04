"""Fields of COCO-like annotation files: info, categories, images, persons, RLE masks."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from mmpose.structures import DatasetMeta
from toy_pose.formats.base import LabelledImage
from toy_pose.scene import PersonLabel

_DESCRIPTION = (
    'Generated (synthetic) pictures, made by toy_pose for trials and tests, in the '
    'layout of {}. No photographs; results on them say nothing about real images.'
)
DATE = '2026-01-01 00:00:00'  # of every entry: equal arguments must give equal bytes
LICENSES = [{'url': '', 'id': 1, 'name': 'Generated pictures, free to use'}]


def info_fields(layout: str, generator: dict[str, Any]) -> dict[str, Any]:
    """The ``info`` of an annotation file."""
    return {
        'description': _DESCRIPTION.format(layout),
        'url': '',
        'version': str(generator['version']),
        'year': int(DATE[:4]),
        'contributor': 'toy_pose',
        'date_created': DATE[:10].replace('-', '/'),
        'generator': generator,
    }


def person_category(names: Iterable[str], dataset_meta: DatasetMeta) -> dict[str, Any]:
    """The only entry of ``categories``, with these keypoint names."""
    return {
        'supercategory': 'person',
        'id': 1,
        'name': 'person',
        'keypoints': list(names),
        'skeleton': (dataset_meta.skeleton_links + 1).tolist(),  # COCO counts from 1
    }


def coco_image(image: LabelledImage, image_id: int) -> dict[str, Any]:
    """An entry of COCO's ``images``."""
    return {
        'license': 1,
        'file_name': image.path.rsplit('/', 1)[-1],
        'coco_url': '',
        'height': image.height,
        'width': image.width,
        'date_captured': DATE,
        'flickr_url': '',
        'id': image_id,
    }


def coco_person(person: PersonLabel, image_id: int, annotation_id: int) -> dict[str, Any]:
    """An entry of COCO's ``annotations``; of more than 17 keypoints the first 17."""
    keypoints = person.keypoints[:17]
    return {
        'segmentation': person.polygons,
        'num_keypoints': num_labelled(keypoints),
        'area': person.area,
        'iscrowd': 0,
        'keypoints': triples(keypoints),
        'image_id': image_id,
        'bbox': rounded_box(person),
        'category_id': 1,
        'id': annotation_id,
    }


def num_labelled(keypoints: np.ndarray) -> int:
    """Number of keypoints (K, 3) inside the image."""
    return int(np.count_nonzero(keypoints[:, 2]))


def triples(keypoints: np.ndarray, digits: int = 2) -> list[float]:
    """Keypoints (K, 3) as x, y, v, x, y, v, ...; whole numbers when ``digits`` is 0."""
    flat: list[float] = []
    for x, y, flag in keypoints.tolist():
        point = (round(x), round(y)) if digits == 0 else (round(x, digits), round(y, digits))
        flat += [*point, int(flag)] if flag else [0, 0, 0]
    return flat


def rounded_box(person: PersonLabel) -> list[float]:
    """The box as x, y, w, h."""
    return [round(side, 2) for side in person.bbox_xywh]


def encode_mask(mask: np.ndarray) -> dict[str, object]:
    """Encodes a mask (H, W), non-zero inside, as COCO's compressed run-length encoding (RLE).

    Runs go down the columns and start with the background. A run is stored as its difference to
    the one two places before it (from the fourth on), in groups of five bits, lowest first, bit 5
    set on all but the last group, plus 48 to make it a printable character.
    """
    inside = np.concatenate([[False], mask.T.reshape(-1) != 0])  # (W, H) order, background first
    starts = np.flatnonzero(inside[1:] != inside[:-1])
    runs = np.diff(np.concatenate([[0], starts, [mask.size]])).tolist()
    text = []
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        text.extend(_characters(value))
    return {'size': [int(mask.shape[0]), int(mask.shape[1])], 'counts': ''.join(text)}


def _characters(value: int) -> list[str]:
    found = []
    while True:
        bits = value & 0x1F
        value >>= 5
        is_last = value == (-1 if bits & 0x10 else 0)
        found.append(chr(bits + 48 if is_last else bits + 0x20 + 48))
        if is_last:
            return found
