"""CVAT for images 1.1: one XML file with skeletons, or with grouped points and boxes.

Format: https://docs.cvat.ai/docs/manual/advanced/xml_format/ (version 1.1, 'Annotation').
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape, unescape
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from mmpose.dataset_tools.convert.files import ImageFolder, read_xml
from mmpose.dataset_tools.convert.grouping import (
    LooseBox,
    LoosePoint,
    boxes_of_groups,
    group_instances,
)
from mmpose.dataset_tools.convert.label_set import (
    OCCLUDED,
    UNLABELLED,
    VISIBLE,
    Box,
    Draft,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    Point,
    assemble,
    count_notes,
    neutral_names,
    order_of_appearance,
    turned_box,
)

Limbs = list[tuple[int, int]]
BOX_LABEL = '{} box'  # CVAT has no box in a skeleton, so boxes have a label of their own
ATTRIBUTE = re.compile(r'\b([\w-]+)="([^"]*)"')


def read_cvat(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of an export as 'CVAT for images 1.1' (``annotations.xml``).

    A skeleton is an instance; a box in its group is its box, of several that which holds its
    points. Where there are no skeletons, points are: single points are keypoints of their label,
    and those of one group are an instance; a shape of several points is an instance with neutral
    keypoint names. ``outside`` means not labelled, ``occluded`` means labelled but not visible.

    Raises:
        ValueError: If the file is malformed or is an export for video.
    """
    root = read_xml(source)
    if root.find('track') is not None:
        raise ValueError(
            f"{source} is 'CVAT for video', expected 'CVAT for images 1.1'; export the task again "
            'in that format'
        )
    left_out: Counter[str] = Counter()
    found: list[LabelledImage] = []
    drafts: list[Draft] = []
    tasks: dict[str, list[str]] = {}
    for element in root.iter('image'):
        name = _attribute(element, 'name', f'{source}: an image')
        where = f"{source}: image '{name}'"
        drafts += _image_drafts(element, where, len(found), left_out)
        width, height = element.get('width'), element.get('height')
        wh = (int(width), int(height)) if width and height else images.wh(name, source)
        found.append(LabelledImage(name, wh))
        tasks.setdefault(name, []).append(element.get('task_id') or 'unknown')
    twice = [name for name, ids in tasks.items() if len(ids) > 1]
    if twice:
        raise ValueError(
            f"{source}: {len(twice)} image names occur in several tasks, first '{twice[0]}' in the "
            f'tasks {", ".join(tasks[twice[0]])}; export and convert each task apart'
        )
    names, skeleton_links = _skeleton(source, root)
    appeared = order_of_appearance(drafts)
    if not names or not set(appeared) <= set(names):
        names, skeleton_links = _point_labels(root, appeared), []
    return assemble(names, found, drafts, skeleton_links, count_notes(left_out))


def write_cvat(labels: LabelSet, target: Path) -> dict[Path, str]:
    """Returns the text of a 'CVAT for images 1.1' file with skeletons, and a box in each group."""
    root = Element('annotations')
    SubElement(root, 'version').text = '1.1'
    meta = SubElement(SubElement(root, 'meta'), 'task')
    SubElement(meta, 'size').text = str(len(labels.images))
    _write_labels(labels, SubElement(meta, 'labels'))
    group = 0
    for i, ((name, wh), instances) in enumerate(labels.by_image()):
        size = {'width': str(wh[0]), 'height': str(wh[1])}
        image = SubElement(root, 'image', {'id': str(i), 'name': name, **size})
        for instance in instances:
            group += 1
            _write_instance(labels, instance, group, image)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding='unicode')
    return {target: f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'}


def _attribute(element: Element, key: str, where: str) -> str:
    value = element.get(key)
    if value is None:
        raise ValueError(f"{where}: <{element.tag}> has no attribute '{key}'")
    return value


def _image_drafts(image: Element, where: str, row: int, left_out: Counter[str]) -> list[Draft]:
    boxes = []
    for element in image.iter('box'):
        category = _attribute(element, 'label', where).removesuffix(BOX_LABEL.format(''))
        boxes.append(LooseBox(_group(element), category, _box(element, where)))
    skeletons = list(image.iter('skeleton'))
    left_out['shapes that are neither skeleton, points nor box'] += sum(
        child.tag not in ('skeleton', 'points', 'box', 'tag') for child in image
    )
    if not skeletons:
        return _point_drafts(image, where, row, boxes, left_out)
    drafts = []
    for skeleton in skeletons:
        points = {}
        for element in skeleton.iter('points'):
            label = _attribute(element, 'label', where)
            ((x, y),) = _coordinates(element, where)
            points[label] = (x, y, _visibility(element))
        category = _attribute(skeleton, 'label', where)
        drafts.append(Draft(row, category, points))
    groups = [_group(skeleton) for skeleton in skeletons]
    drafts = boxes_of_groups(drafts, groups, boxes, left_out)
    kept = [draft for draft in drafts if any(point[2] for point in draft.points.values())]
    left_out['skeletons whose points are all outside'] += len(drafts) - len(kept)
    return kept


def _point_drafts(
    image: Element, where: str, row: int, boxes: list[LooseBox], left_out: Counter[str]
) -> list[Draft]:
    loose: list[LoosePoint] = []
    whole = []
    for element in image.iter('points'):
        label, visibility = _attribute(element, 'label', where), _visibility(element)
        points: list[Point] = [(x, y, visibility) for x, y in _coordinates(element, where)]
        if len(points) == 1:
            loose.append(LoosePoint(_group(element), label, points[0]))
            continue
        named = dict(zip(neutral_names(len(points)), points, strict=True))
        whole.append(Draft(row, label, named))
    return whole + group_instances(where, row, loose, boxes, left_out)


def _group(element: Element) -> str | None:
    group = element.get('group_id')
    return None if group in (None, '', '0') else group


def _visibility(element: Element) -> int:
    if element.get('outside') == '1':
        return UNLABELLED
    return OCCLUDED if element.get('occluded') == '1' else VISIBLE


def _coordinates(element: Element, where: str) -> list[tuple[float, float]]:
    text = _attribute(element, 'points', where)
    try:
        return [(float(x), float(y)) for x, y in (pair.split(',') for pair in text.split(';'))]
    except ValueError:
        raise ValueError(f"{where}: points='{text}', expected 'x,y' pairs joined by ';'") from None


def _box(element: Element, where: str) -> Box:
    texts = [_attribute(element, key, where) for key in ('xtl', 'ytl', 'xbr', 'ybr')]
    texts.append(element.get('rotation') or '0')
    try:
        left, top, right, bottom, degrees = (float(text) for text in texts)
    except ValueError:
        raise ValueError(f'{where}: a box is {texts}, expected numbers') from None
    middle = ((left + right) / 2, (top + bottom) / 2)
    return turned_box((left, top, right - left, bottom - top), degrees, middle)


def _skeleton(source: Path, root: Element) -> tuple[list[str], Limbs]:
    """Returns the keypoint names and links of the skeleton labels."""
    skeletons: dict[tuple[str, ...], tuple[str | None, Limbs]] = {}
    for label in root.iter('label'):
        name = label.findtext('name')
        svg = label.findtext('svg') or ''
        if not svg and label.findtext('type') != 'skeleton':
            continue
        circles, lines = _svg_attributes(svg, 'circle'), _svg_attributes(svg, 'line')
        nodes = {
            one['data-node-id']: unescape(one['data-label-name'])
            for one in circles
            if 'data-node-id' in one and 'data-label-name' in one
        }
        children = [
            child.findtext('name') or ''
            for child in root.iter('label')
            if child.findtext('parent') == name
        ]
        order = [nodes[node] for node in sorted(nodes, key=int)] or children
        ends = [(one.get('data-node-from'), one.get('data-node-to')) for one in lines]
        skeleton_links = [
            (order.index(nodes[start]), order.index(nodes[end]))
            for start, end in ends
            if start in nodes and end in nodes
        ]
        skeletons.setdefault(tuple(order), (name, skeleton_links))
    if len(skeletons) > 1:
        first, second = [name for name, _ in skeletons.values()][:2]
        raise ValueError(
            f"{source}: the skeletons '{first}' and '{second}' have different points; export the "
            'tasks of one skeleton at a time'
        )
    for names, (_, skeleton_links) in skeletons.items():
        return list(names), skeleton_links
    return [], []


def _svg_attributes(svg: str, tag: str) -> list[dict[str, str]]:
    """Returns the attributes of each element of a kind, as they are written."""
    return [dict(ATTRIBUTE.findall(text)) for text in re.findall(rf'<{tag}\b[^>]*', svg)]


def _point_labels(root: Element, appeared: list[str]) -> list[str]:
    """Returns the names that appeared, in the order of the labels of the task."""
    listed = [label.findtext('name') or '' for label in root.iter('label')]
    return [name for name in dict.fromkeys(listed) if name in appeared] + [
        name for name in appeared if name not in listed
    ]


def _write_labels(labels: LabelSet, parent: Element) -> None:
    for category in labels.categories:
        _write_label(parent, name=category, type='skeleton', attributes=None, svg=_svg(labels))
        for name in labels.keypoint_names:
            _write_label(parent, name=name, type='points', attributes=None, parent=category)
        box = BOX_LABEL.format(category)
        _write_label(parent, name=box, type='rectangle', attributes=None)


def _write_label(labels: Element, /, **children: str | None) -> None:
    label = SubElement(labels, 'label')
    for tag, text in children.items():
        SubElement(label, tag).text = text


def _svg(labels: LabelSet) -> str:
    """Returns the template of the skeleton: the best labelled instance, on a field of 100 x 100."""
    best = max(labels.instances, key=lambda instance: int((instance.keypoints[:, 2] > 0).sum()))
    labelled = best.keypoints[:, 2] > 0
    xy = np.where(labelled[:, None], best.keypoints[:, :2], best.keypoints[labelled, :2].mean(0))
    xy = 10 + 80 * (xy - xy.min(0)) / np.maximum(np.ptp(xy, axis=0).max(), 1e-6)
    lines = [
        f'<line x1="{xy[a, 0]:.2f}" y1="{xy[a, 1]:.2f}" x2="{xy[b, 0]:.2f}" y2="{xy[b, 1]:.2f}" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in labels.skeleton_links
    ]
    circles = [
        f'<circle r="1.5" cx="{x:.2f}" cy="{y:.2f}" data-type="element node" '
        f'data-element-id="{i + 1}" data-node-id="{i + 1}" '
        f'data-label-name="{escape(name)}"></circle>'
        for i, ((x, y), name) in enumerate(zip(xy, labels.keypoint_names, strict=True))
    ]
    return ''.join(lines + circles)


def _write_instance(
    labels: LabelSet, instance: LabelledInstance, group: int, image: Element
) -> None:
    category = labels.categories[instance.category]
    shared = {'source': 'manual', 'z_order': '0'}
    own = {'group_id': str(group), 'occluded': '0', **shared}
    skeleton = SubElement(image, 'skeleton', {'label': category, **own})
    for name, (x, y, visibility) in zip(labels.keypoint_names, instance.keypoints, strict=True):
        state = {
            'outside': str(int(visibility == UNLABELLED)),
            'occluded': str(int(visibility == OCCLUDED)),
            'points': f'{x:.2f},{y:.2f}',
        }
        SubElement(skeleton, 'points', {'label': name, **shared, **state})
    if instance.bbox_xywh is None:
        return
    left, top, width, height = instance.bbox_xywh
    corners = {'xtl': left, 'ytl': top, 'xbr': left + width, 'ybr': top + height}
    place = {key: f'{value:.2f}' for key, value in corners.items()}
    SubElement(image, 'box', {'label': BOX_LABEL.format(category), **own, **place})
