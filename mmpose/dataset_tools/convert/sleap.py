"""SLEAP: the labels of a project in SLEAP's JSON format, version 2.

Layout: https://sleap.ai; ``nodes`` hold the keypoints, ``skeletons`` order and connect them,
``videos`` are videos or lists of images, and ``labels`` are the labelled frames.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.convert.files import ImageFolder, read_json
from mmpose.dataset_tools.convert.label_set import (
    OCCLUDED,
    VISIBLE,
    Draft,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    Point,
    assemble,
    count_notes,
    tidy,
)

BODY_EDGE = 1  # edges of type 2 connect mirror partners
FRAME_NAME = '{stem}/{frame:06d}.png'  # frame of a video, counted from 0


def read_sleap(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of a SLEAP project that was saved as JSON.

    A point that is not ``visible`` but has coordinates has visibility 1. Predictions are left
    out. Frames of a video are named ``<video>/<frame, 6 digits>.png``.

    Raises:
        TypeError, ValueError: If the file is malformed; the message names what is wrong.
    """
    if source.suffix in ('.slp', '.h5'):
        raise ValueError(
            f'{source} is HDF5; write the labels as JSON first, in SLEAP by File > Export or with '
            '`sleap-convert --format json -o labels.json labels.slp`'
        )
    try:
        return _read_project(source, read_json(source), images)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(
            f'{source} has not the layout of a SLEAP project in JSON, version 2: {error!r}'
        ) from None


def write_sleap(labels: LabelSet, target: Path) -> dict[Path, str]:
    """Returns the text of a project whose videos are lists of images of one size.

    SLEAP has neither boxes nor categories: the skeleton has the name of the first category.
    """
    sizes = list(dict.fromkeys(image.wh for image in labels.images))
    files = {wh: [name for name, size in labels.images if size == wh] for wh in sizes}
    frames = []
    for image, instances in zip(labels.images, labels.of_image(), strict=True):
        frames.append(
            {
                'video': sizes.index(image.wh),
                'frame_idx': files[image.wh].index(image.file_name),
                '_instances': [_instance(instance) for instance in instances],
            }
        )
    data = {
        'version': '2.0.0',
        'skeletons': [_skeleton(labels)],
        'nodes': [{'name': name, 'weight': 1.0} for name in labels.keypoint_names],
        'videos': [{'backend': _backend(files[wh], wh)} for wh in sizes],
        'labels': frames,
        'tracks': [],
    }
    return {target: json.dumps(data) + '\n'}


def _read_project(source: Path, data: Any, images: ImageFolder) -> LabelSet:
    keys = ('skeletons', 'nodes', 'videos', 'labels')
    if not isinstance(data, dict) or not all(isinstance(data.get(key), list) for key in keys):
        raise ValueError(f'{source}: expected an object with the lists {", ".join(keys)}')
    if len(data['skeletons']) != 1:
        raise ValueError(
            f'{source}: has {len(data["skeletons"])} skeletons, expected one; split the project'
        )
    skeleton = data['skeletons'][0]
    rows = [entry['id'] for entry in skeleton['nodes']]  # rows of data['nodes']
    names = [data['nodes'][row]['name'] for row in rows]
    skeleton_links = [
        (rows.index(link['source']), rows.index(link['target']))
        for link in skeleton.get('links', ())
        if _edge_type(link) == BODY_EDGE
    ]
    left_out: Counter[str] = Counter()
    found: list[LabelledImage] = []
    drafts: list[Draft] = []
    category = str(skeleton.get('graph', {}).get('name') or 'animal')
    for i, frame in enumerate(data['labels']):
        name, wh = _frame_image(data['videos'], frame, f'{source}: labels[{i}]')
        for instance in frame.get('_instances', ()):
            if 'score' in instance:
                left_out['predicted instances'] += 1
                continue
            points = {
                data['nodes'][int(row)]['name']: _point(values)
                for row, values in instance['_points'].items()
            }
            drafts.append(Draft(len(found), category, points))
        found.append(LabelledImage(name, wh or images.wh(name, source)))
    return assemble(source, names, found, drafts, skeleton_links, count_notes(left_out))


def _edge_type(link: Json) -> int:
    """Returns the type of a link: stored at its first use, and by its number later."""
    kind: Any = link.get('type', {})
    if 'py/reduce' in kind:
        return int(kind['py/reduce'][1]['py/tuple'][0])
    return int(kind.get('py/id', BODY_EDGE))


def _frame_image(videos: list[Json], frame: Json, where: str) -> tuple[str, tuple[int, int] | None]:
    """Returns the name of a frame, and its size if the project stores it."""
    row, index = frame.get('video'), frame.get('frame_idx')
    if not isinstance(index, int) or not isinstance(row, int) or not 0 <= row < len(videos):
        raise ValueError(
            f"{where}: 'video' is {row!r} and 'frame_idx' is {index!r}, expected one of "
            f'{len(videos)} videos and a frame'
        )
    backend = videos[row].get('backend', {})
    width, height = backend.get('width_'), backend.get('height_')
    wh = (width, height) if width and height else None
    names = backend.get('filenames') or backend.get('image_filenames')
    if not names:
        stem = PurePosixPath(str(backend.get('filename')).replace('\\', '/')).stem
        return FRAME_NAME.format(stem=stem, frame=index), wh
    if not 0 <= index < len(names):
        raise ValueError(f'{where}: frame_idx {index} is none of the {len(names)} images')
    return str(names[index]).replace('\\', '/'), wh


def _point(values: Json) -> Point:
    x, y = (np.nan if values.get(axis) is None else float(values[axis]) for axis in 'xy')
    if not np.isfinite([x, y]).all():
        return (0.0, 0.0, 0)
    return (x, y, VISIBLE if values.get('visible', True) else OCCLUDED)


def _instance(instance: LabelledInstance) -> Json:
    points = {
        str(row): {'x': tidy(x), 'y': tidy(y), 'visible': visible == VISIBLE, 'complete': True}
        for row, (x, y, visible) in enumerate(instance.keypoints.tolist())
        if visible
    }
    return {'skeleton': 0, 'track': None, '_points': points}


def _skeleton(labels: LabelSet) -> Json:
    links = []
    for i, (start, end) in enumerate(labels.skeleton_links):
        first = {'py/reduce': [{'py/type': 'sleap.skeleton.EdgeType'}, {'py/tuple': [BODY_EDGE]}]}
        kind: Json = {'py/id': BODY_EDGE} if i else first
        links.append({'edge_insert_idx': i, 'key': 0, 'source': start, 'target': end, 'type': kind})
    return {
        'directed': True,
        'graph': {'name': labels.categories[0], 'num_edges_inserted': len(links)},
        'links': links,
        'multigraph': True,
        'nodes': [{'id': row} for row in range(len(labels.keypoint_names))],
    }


def _backend(names: list[str], wh: tuple[int, int]) -> Json:
    return {
        'filename': names[0],
        'filenames': names,
        'width_': wh[0],
        'height_': wh[1],
        'channels_': 3,
        'grayscale': False,
    }
