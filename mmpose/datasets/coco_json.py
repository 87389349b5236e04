"""Annotation and detection files in COCO's layout as the instances of a dataset."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmpose.coco.columns import Columns, Floats
from mmpose.coco.image_table import ImageTable
from mmpose.coco.instance_layout import InstanceLayout
from mmpose.coco.json_stream import stream_batches
from mmpose.coco.reader import AnnotationReader
from mmpose.datasets.annotations import AnnotationStore
from mmpose.structures import DatasetMeta, clip_xywh

BBOX_CLIPS = ('0.x', '1.x', 'none')
PERSON = 1  # category of COCO's person detections


def read_coco_annotations(
    path: Path,
    dataset_meta: DatasetMeta,
    parts: Mapping[str, int] | None = None,
    layout: InstanceLayout | None = None,
    bbox_clip: str = '0.x',
) -> AnnotationStore:
    """Returns the ground-truth instances of a COCO keypoint file.

    Left out, as the loaders of the top-down literature do: crowds, instances without a labelled
    keypoint, boxes that are empty once clipped to the image, and, by the rules of MMPose 0.x, areas
    that are not positive. Instances are ordered by image, then as in the file. A box on an image of
    unknown size is not clipped at the right and below.

    Args:
        parts: Fields that hold the keypoints, one after the other, with the number of keypoints
            in each; None for all of them in ``keypoints``. See ``AnnotationReader``.
        layout: Where the instances of an annotation stand.
        bbox_clip: One of ``BBOX_CLIPS``: a box of width w ends w - 1 px after its first pixel
            (``0.x``) or w px (``1.x``), and both stay in the image; ``none`` leaves it as it is.

    Raises:
        FileNotFoundError: If the file does not exist.
        TypeError, ValueError: If it is malformed or holds no usable instance; the message names
            the file, the annotation and the field.
    """
    fields = parts or dataset_meta.num_keypoints
    reader = AnnotationReader(path, fields, dataset_meta, layout=layout)
    found = reader.read()
    rows = np.asarray(reader.images.find(found.image_id.tolist()))
    image_wh = np.asarray(reader.images.wh).reshape(-1, 2)[rows].astype(np.float64)
    image_wh[image_wh == 0] = np.inf  # unknown
    clean = found.bbox_xywh
    if bbox_clip != 'none':
        clean = clip_xywh(clean, image_wh, includes_end=bbox_clip == '1.x')
    keep = (clean[:, 2:] > 0).all(axis=1) & ((found.area > 0) | (bbox_clip != '0.x'))
    if not keep.all():
        reader.left_out['with an empty box or area'] += int((~keep).sum())
        warnings.warn(
            f'{path}: left out {(~keep).sum()} of {len(keep)} annotations whose box is empty '
            f'inside the image or whose area is 0, first id {found.ann_id[keep.argmin()]}',
            stacklevel=2,
        )
    if not found.keypoints_visible[keep].any():
        reasons = ', '.join(f'{num} {why}' for why, num in reader.left_out.items() if num)
        raise ValueError(
            f'{path}: no annotation has a box and a keypoint with visibility > 0'
            f'{f" (left out: {reasons})" if reasons else ""}; there is nothing to train or test on'
        )
    order = np.flatnonzero(keep)
    order = order[np.argsort(rows[order], kind='stable')]
    return AnnotationStore.pack(
        **reader.images.columns(),
        image_index=rows[order],
        bbox_xywh=clean[order],
        keypoints=found.keypoints[order],
        keypoints_visible=found.keypoints_visible[order],
        area=found.area[order],
        ann_ids=found.ann_id[order],
        category_ids=found.category_id[order],
        extras={name: array[order] for name, array in found.extras.items()},
    )


def read_coco_detections(
    path: Path,
    ann_file: Path,
    bbox_format: str = 'xywh',
    category_ids: Sequence[int] | None = None,
) -> AnnotationStore:
    """Returns the boxes of a COCO result file, in its order, without clipping them.

    Args:
        path: List of ``{image_id, category_id, bbox, score}``.
        ann_file: Annotation file that lists the images.
        bbox_format: ``xywh``, or ``xyxy`` if the file holds corners.
        category_ids: Categories whose boxes are read; None for persons.

    Raises:
        FileNotFoundError: If a file does not exist.
        TypeError, ValueError: If one is malformed, no box is left, or images are not listed in
            the annotation file; the message names file, entry and field.
    """
    images = ImageTable(ann_file)
    for section, items in stream_batches(ann_file):
        if section == 'images':
            images.add(items)
    image_ids: list[int | str] = []
    boxes, scores, ids = array('d'), array('d'), list[int]()
    wanted = [PERSON] if category_ids is None else list(category_ids)
    num_entries = 0
    for section, entries in stream_batches(path):
        if section or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f'{path} is not a list of detections')
        categories = Columns(path, 'detection', entries, numbers=range(num_entries, 1 << 62))
        numbers = categories.integers('category_id')
        chosen = np.flatnonzero(np.isin(numbers, wanted)).tolist()
        own = [entries[row] for row in chosen]
        rows = Columns(path, 'detection', own, numbers=[num_entries + row for row in chosen])
        ids += numbers[chosen].tolist()
        num_entries += len(entries)
        image_ids += rows.identifiers('image_id')
        bbox_xywh = rows.lists('bbox', 4)
        rows.check_finite(bbox_xywh, 'bbox')
        if bbox_format == 'xyxy':
            bbox_xywh[:, 2:] -= bbox_xywh[:, :2]
        _check_sizes(rows, bbox_xywh)
        score = rows.numbers('score')
        rows.check_finite(score[:, None], 'score')
        boxes.frombytes(bbox_xywh.tobytes())
        scores.frombytes(score.tobytes())
    if not image_ids:
        which = f'{PERSON} (person)' if category_ids is None else ' or '.join(map(str, wanted))
        raise ValueError(f'{path}: none of {num_entries} detections has category_id {which}')
    return AnnotationStore.pack(
        **images.columns(),
        image_index=images.find_all(image_ids, path, 'detections'),
        bbox_xywh=boxes,
        bbox_score=scores,
        keypoints=np.zeros((len(image_ids), 0, 2)),
        keypoints_visible=np.zeros((len(image_ids), 0)),
        ann_ids=np.arange(len(image_ids)),
        category_ids=ids,
    )


def _check_sizes(rows: Columns, bbox_xywh: Floats) -> None:
    def found(row: int) -> str:
        return f"field 'bbox' is {bbox_xywh[row].tolist()} as [x, y, width, height]"

    wh = bbox_xywh[:, 2:]
    rows.check((wh >= 0).all(axis=1), found, 'a size >= 0')
    rows.check((wh > 0).any(axis=1), found, 'a width and height that are not both 0')
