"""Labelme and X-AnyLabeling: a JSON file per image with points and rectangles.

Format: https://github.com/wkentaro/labelme (shapes with label, points, group_id, shape_type and
flags); X-AnyLabeling adds ``difficult`` and a pose configuration that lists the keypoints.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.convert.files import ImageFolder, read_json, read_yaml
from mmpose.dataset_tools.convert.grouping import LooseBox, LoosePoint, group_instances
from mmpose.dataset_tools.convert.label_set import (
    OCCLUDED,
    VISIBLE,
    Draft,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    assemble,
    box_of_corners,
    count_notes,
    listed_names,
    tidy,
)

POSE_CONFIG = 'pose_config.yaml'
OCCLUDED_FLAG = 'occluded'
BOXES = ('rectangle', 'rotation')  # the second: X-AnyLabeling's box of four turned corners


def read_labelme(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of a folder of JSON files, subfolders included.

    Points with one ``group_id`` are an instance, and the rectangle with that id is its box. A
    point that is ``difficult``, or has the flag ``occluded``, has visibility 1. The order of the
    keypoints is that of ``pose_config.yaml``, or else the order in which they appear.

    Raises:
        FileNotFoundError: If the folder has no JSON file.
        TypeError, ValueError: If a file is malformed; the message names file and shape.
    """
    paths = sorted(source.rglob('*.json')) if source.is_dir() else [source]
    if not paths:
        raise FileNotFoundError(f'{source}: there is no .json file, expected one per image')
    root = source if source.is_dir() else source.parent
    left_out: Counter[str] = Counter()
    found: list[LabelledImage] = []
    drafts: list[Draft] = []
    for path in paths:
        data = read_json(path)
        if not isinstance(data, dict) or not isinstance(data.get('shapes'), list):
            raise ValueError(f"{path}: expected an object with the list 'shapes'")
        drafts += _file_drafts(path, data['shapes'], len(found), left_out)
        found.append(_image(path, data, root, images))
    names, notes = listed_names(drafts, root / POSE_CONFIG, _config_names)
    return assemble(names, found, drafts, (), [*count_notes(left_out), *notes])


def write_labelme(labels: LabelSet, target: Path) -> dict[Path, str]:
    """Returns the texts of a JSON file per image and of a pose configuration.

    Put the images beside the JSON files to open them.
    """
    texts = {}
    for path, (image, instances) in labels.by_path(target, '.json').items():
        content: Json = {
            'version': '5.0.1',
            'flags': {},
            'shapes': [
                shape
                for i, instance in enumerate(instances)
                for shape in _shapes(labels, instance, i + 1)
            ],
            'imagePath': PurePosixPath(image.file_name).name,
            'imageData': None,
            'imageHeight': image.wh[1],
            'imageWidth': image.wh[0],
        }
        texts[path] = json.dumps(content, indent=1) + '\n'
    classes = [
        line
        for category in labels.categories
        for line in (
            f'  {json.dumps(category)}:',
            *(f'    - {json.dumps(name)}' for name in labels.keypoint_names),
        )
    ]
    texts[target / POSE_CONFIG] = '\n'.join(['has_visible: true', 'classes:', *classes]) + '\n'
    return texts


def _file_drafts(path: Path, shapes: list[Any], row: int, left_out: Counter[str]) -> list[Draft]:
    points, boxes = [], []
    for i, shape in enumerate(shapes):
        where = f'{path}: shape {i}'
        fields = shape if isinstance(shape, dict) else {}
        kind, label, group = (fields.get(key) for key in ('shape_type', 'label', 'group_id'))
        if kind not in ('point', *BOXES):
            left_out[f"shapes of type '{kind}'"] += 1
            continue
        if not isinstance(label, str) or not label:
            raise TypeError(f"{where}: field 'label' is {label!r}, expected a name")
        corners = _corners(shape, where, (1,) if kind == 'point' else (2, 4))
        if kind == 'point':
            flags = shape.get('flags') or {}
            is_hidden = shape.get('difficult') or flags.get(OCCLUDED_FLAG)
            visibility = OCCLUDED if is_hidden else VISIBLE
            points.append(LoosePoint(group, label, (*corners[0], visibility)))
        else:
            boxes.append(LooseBox(group, label, box_of_corners(corners)))
    return group_instances(str(path), row, points, boxes, left_out)


def _corners(shape: Json, where: str, lengths: tuple[int, ...]) -> list[tuple[float, float]]:
    points = shape.get('points')
    try:
        corners = [(float(x), float(y)) for x, y in points or ()]
    except (TypeError, ValueError):
        corners = []
    if len(corners) not in lengths:
        expected = ' or '.join(map(str, lengths))
        raise ValueError(
            f"{where}: field 'points' is {points!r}, expected {expected} [x, y] for a "
            f'{shape["shape_type"]}'
        )
    return corners


def _image(path: Path, data: Json, root: Path, images: ImageFolder) -> LabelledImage:
    # Windows writes backslashes; the place of the JSON file counts, not where it once was
    stored = str(data.get('imagePath') or path.with_suffix('.jpg').name).replace('\\', '/')
    name = (path.parent.relative_to(root) / PurePosixPath(stored).name).as_posix()
    width, height = data.get('imageWidth'), data.get('imageHeight')
    return LabelledImage(name, (width, height) if width and height else images.wh(name, path))


def _shapes(labels: LabelSet, instance: LabelledInstance, group: int) -> list[Json]:
    shapes = []
    if instance.bbox_xywh is not None:
        x, y, width, height = instance.bbox_xywh
        corners = [[tidy(x), tidy(y)], [tidy(x + width), tidy(y + height)]]
        category = labels.categories[instance.category]
        shapes.append(_shape(category, corners, group, 'rectangle', False))
    points = instance.keypoints.tolist()
    for name, (x, y, visibility) in zip(labels.keypoint_names, points, strict=True):
        if visibility:
            is_hidden = visibility == OCCLUDED
            shapes.append(_shape(name, [[tidy(x), tidy(y)]], group, 'point', is_hidden))
    return shapes


def _shape(
    label: str, points: list[list[float | int]], group: int, kind: str, is_hidden: bool
) -> Json:
    return {
        'label': label,
        'points': points,
        'group_id': group,
        'description': '',
        'difficult': is_hidden,
        'shape_type': kind,
        'flags': {OCCLUDED_FLAG: True} if is_hidden else {},
    }


def _config_names(path: Path) -> list[str]:
    content = read_yaml(path)
    classes = content.get('classes') if isinstance(content, dict) else None
    if not isinstance(classes, dict):
        raise ValueError(f"{path}: field 'classes' is {classes!r}, expected class: keypoints")
    return list(dict.fromkeys(str(name) for names in classes.values() for name in names or ()))
