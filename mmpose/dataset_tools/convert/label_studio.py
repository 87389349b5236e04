"""Label Studio: a JSON list of tasks with rectanglelabels and keypointlabels.

Formats: https://labelstud.io/guide/task_format, https://labelstud.io/tags/keypointlabels and
https://labelstud.io/tags/rectanglelabels. Coordinates are percent of the image.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from mmpose.coco.json_fields import Json, number
from mmpose.dataset_tools.convert.files import ImageFolder, read_json, read_xml
from mmpose.dataset_tools.convert.grouping import (
    LooseBox,
    LoosePoint,
    UnclearGroupError,
    group_instances,
)
from mmpose.dataset_tools.convert.label_set import (
    OCCLUDED,
    VISIBLE,
    Box,
    Draft,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    assemble,
    count_notes,
    listed_names,
    turned_box,
)

HIDDEN = {'occluded', 'hidden', 'invisible', 'not visible'}  # choices that mean visibility 1
UPLOAD = re.compile(r'^data/upload/\d+/[0-9a-f]{8}-')  # prefix of a file that was uploaded
POINT_WIDTH = 0.5  # percent of the image, the size at which points are drawn


def read_label_studio(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of a Label Studio export in the format 'JSON'.

    Keypoints belong to the rectangle that is their parent (``parentID``) or that a relation
    connects them to, or else to the only one that holds them. A keypoint with the per-region
    choice 'occluded' has visibility 1. The order of the keypoints is that of the labelling
    configuration beside the file (``NAME_config.xml``), or else that in which they appear.

    Raises:
        TypeError, ValueError: If the file is malformed; the message names the task and field.
    """
    tasks = read_json(source)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError(
            f"{source}: expected a list of tasks; export the project as 'JSON', not 'JSON-MIN'"
        )
    left_out: Counter[str] = Counter()
    found: list[LabelledImage] = []
    drafts: list[Draft] = []
    unclear: list[str] = []
    wheres = [f'{source}: task {task.get("id", "without id")}' for task in tasks]
    file_names = original_names(map(image_name, tasks, wheres))
    for task, name, where in zip(tasks, file_names, wheres, strict=True):
        regions = _regions(task, where, left_out)
        wh = _wh(task, regions) or images.wh(name, source)
        try:
            drafts += _task_drafts(regions, wh, where, len(found), left_out)
        except UnclearGroupError as error:
            unclear.append(f"task {task.get('id', 'without id')} ('{error.keypoint}')")
        found.append(LabelledImage(name, wh))
    if unclear:
        raise ValueError(
            f'{source}: keypoints lie in no rectangle or in several, or a label occurs twice in '
            f'one: {", ".join(unclear)}; in Label Studio select such a keypoint, choose '
            "'Create relation between regions' and click on its rectangle"
        )
    names, notes = listed_names(drafts, config_path(source), _config_names)
    return assemble(names, found, drafts, (), [*count_notes(left_out), *notes])


def write_label_studio(labels: LabelSet, target: Path) -> dict[Path, str]:
    """Returns the text of a task file for import, and of its labelling configuration."""
    tasks = []
    for i, (image, instances) in enumerate(labels.by_image(), 1):
        result = [
            region
            for j, instance in enumerate(instances, 1)
            for region in _instance_regions(labels, instance, image.wh, f'{i}_{j}')
        ]
        annotations = [{'id': i, 'was_cancelled': False, 'result': result}]
        data = {'image': image.file_name, 'width': image.wh[0], 'height': image.wh[1]}
        tasks.append({'id': i, 'data': data, 'annotations': annotations})
    return {target: json.dumps(tasks) + '\n', config_path(target): _config(labels)}


def image_name(task: Json, where: str) -> str:
    """Returns the file name of a task: the path in its address.

    ``/data/local-files/?d=a/b.jpg`` is ``a/b.jpg``.
    """
    data: Any = task.get('data')
    values = data if isinstance(data, dict) else {}
    texts = [value for value in values.values() if isinstance(value, str)]
    address = values.get('image', texts[0] if len(texts) == 1 else None)
    if not isinstance(address, str) or not address:
        raise ValueError(f"{where}: 'data' is {data!r}, expected the address of an 'image'")
    parts = urlsplit(address)
    local_files = parse_qs(parts.query).get('d')
    return local_files[0] if local_files else unquote(parts.path).lstrip('/')


def original_names(names: Iterable[str]) -> list[str]:
    """Returns names of uploaded files without what Label Studio puts before them.

    ``data/upload/1/0123abcd-b.jpg`` is ``b.jpg``, unless that is the name of several files. They
    keep the one that they have in Label Studio, ``0123abcd-b.jpg``, or else all of it.
    """
    kept = list(dict.fromkeys(names := list(names)))
    shorter: dict[str, str] = {}
    for shorten in (lambda name: UPLOAD.sub('', name), lambda name: name.rpartition('/')[2]):
        short = {name: shorten(name) if UPLOAD.match(name) else name for name in kept}
        counts = Counter(short.values())
        shorter = {name: new for name, new in short.items() if counts[new] == 1} | shorter
    return [shorter.get(name, name) for name in names]


def _regions(task: Json, where: str, left_out: Counter[str]) -> list[Json]:
    annotations = task.get('annotations') or task.get('completions') or []
    done = [entry for entry in annotations if not entry.get('was_cancelled')]
    left_out['further annotations of a task, the first counts'] += max(len(done) - 1, 0)
    result = done[0].get('result') if done else []
    if not isinstance(result, list):
        raise TypeError(f"{where}: field 'result' is {result!r}, expected a list")
    return result


def _wh(task: Json, regions: Iterable[Json]) -> tuple[int, int] | None:
    """Returns the image size that a region stores, or the data of the task, or None."""
    sizes = [(region.get('original_width'), region.get('original_height')) for region in regions]
    sizes.append((task['data'].get('width'), task['data'].get('height')))
    return next(((width, height) for width, height in sizes if width and height), None)


def _task_drafts(
    regions: list[Json], wh: tuple[int, int], where: str, row: int, left_out: Counter[str]
) -> list[Draft]:
    parents, hidden = {}, set()
    for region in regions:
        if region.get('type') == 'relation':
            parents[region.get('from_id')] = region.get('to_id')
            parents[region.get('to_id')] = region.get('from_id')
        if region.get('type') == 'choices':
            choices = (region.get('value') or {}).get('choices', ())
            if HIDDEN & {str(choice).lower() for choice in choices}:
                hidden.add(region.get('id'))
    boxes, points = [], []
    for region in regions:
        kind, key = str(region.get('type')), region.get('id')
        value: Any = region.get('value')
        if kind == 'rectanglelabels':
            (category,) = _labels_of(value, kind, where)
            boxes.append(LooseBox(key, category, _box(value, wh, where)))
        elif kind == 'keypointlabels':
            (name,) = _labels_of(value, kind, where)
            x, y = (number(value, axis, where) * wh[i] / 100 for i, axis in enumerate('xy'))
            group = region.get('parentID') or parents.get(key)
            points.append(LoosePoint(group, name, (x, y, OCCLUDED if key in hidden else VISIBLE)))
        elif kind not in ('relation', 'choices'):
            left_out[f"regions of type '{kind}'"] += 1
    return group_instances(where, row, points, boxes, left_out)


def _labels_of(value: Any, kind: str, where: str) -> list[str]:
    labels = value.get(kind) if isinstance(value, dict) else None
    if not isinstance(labels, list) or len(labels) != 1:
        raise ValueError(f'{where}: a region has {kind} {labels!r}, expected one label')
    return labels


def _box(value: Json, wh: tuple[int, int], where: str) -> Box:
    """Returns the box in img px; of a rotated one, the upright box around it."""
    left, top, width, height = (
        number(value, key, where) * wh[i % 2] / 100
        for i, key in enumerate(('x', 'y', 'width', 'height'))
    )
    degrees = number(value, 'rotation', where, default=0.0)
    return turned_box((left, top, width, height), degrees, (left, top))


def _instance_regions(
    labels: LabelSet, instance: LabelledInstance, wh: tuple[int, int], key: str
) -> list[Json]:
    shared = {'to_name': 'image', 'original_width': wh[0], 'original_height': wh[1]}
    assert instance.bbox_xywh is not None
    sides = zip(('x', 'y', 'width', 'height'), instance.bbox_xywh, (*wh, *wh), strict=True)
    box = {side: 100 * value / size for side, value, size in sides}
    category = labels.categories[instance.category]
    regions: list[Json] = [
        {
            'id': key,
            'type': 'rectanglelabels',
            'from_name': 'box',
            **shared,
            'value': {**box, 'rotation': 0, 'rectanglelabels': [category]},
        }
    ]
    points = instance.keypoints.tolist()
    for name, (x, y, visibility) in zip(labels.keypoint_names, points, strict=True):
        if not visibility:
            continue
        place = {'x': 100 * x / wh[0], 'y': 100 * y / wh[1], 'width': POINT_WIDTH}
        point = {'id': f'{key}_{name}', 'parentID': key, **shared}
        value = {**place, 'keypointlabels': [name]}
        regions.append({**point, 'type': 'keypointlabels', 'from_name': 'points', 'value': value})
        if visibility == OCCLUDED:
            value = {**place, 'choices': ['occluded']}
            regions.append({**point, 'type': 'choices', 'from_name': 'visibility', 'value': value})
    return regions


def config_path(path: Path) -> Path:
    return path.with_name(f'{path.stem}_config.xml')


def _config(labels: LabelSet) -> str:
    categories, points = (
        [f'    <Label value="{escape(name)}"/>' for name in names]
        for names in (labels.categories, labels.keypoint_names)
    )
    lines = [
        '<View>',
        '  <Image name="image" value="$image"/>',
        '  <RectangleLabels name="box" toName="image">',
        *categories,
        '  </RectangleLabels>',
        '  <KeyPointLabels name="points" toName="image">',
        *points,
        '  </KeyPointLabels>',
        '  <Choices name="visibility" toName="image" perRegion="true">',
        '    <Choice value="occluded"/>',
        '  </Choices>',
        '</View>',
    ]
    return '\n'.join(lines) + '\n'


def _config_names(path: Path) -> list[str]:
    root = read_xml(path)
    labels = [label for parent in root.iter('KeyPointLabels') for label in parent.iter('Label')]
    return [label.get('value') or '' for label in labels]
