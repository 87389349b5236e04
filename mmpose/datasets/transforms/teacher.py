"""Poses of a teacher, from a file, beside the keypoints of the annotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.files import load_detections
from mmpose.datasets.sample import Sample
from mmpose.metainfo import load_metainfo
from mmpose.metainfo.keypoint_names import places_of
from mmpose.registry import TRANSFORMS
from mmpose.structures import DatasetMeta, transform_points

COLUMNS = ('ann_id', 'keypoints', 'keypoint_scores')  # of a dump of predictions


@TRANSFORMS.register_module()
class AddTeacherKeypoints:
    """Adds ``teacher_keypoints``: the pose that a file has for the annotation of a sample.

    It stands behind ``TopdownAffine``; the pose moves with the crop and its flip. An annotation
    without a pose in the file gets scores of 0.

    Args:
        file: ``.npz`` as tools/test.py --dump writes it, or a JSON result file in COCO's format
            whose poses have an ``ann_id``.
        metainfo: Skeleton of the training.
        source: Skeleton of the file; None for the same.

    Attributes:
        rows: Id of an annotation -> its row in the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has another layout or skeleton, or several poses of an annotation.
    """

    reads = ('ann_id', 'dataset_meta', 'crop')
    writes = ('teacher_keypoints',)

    def __init__(
        self,
        file: str,
        metainfo: str | DatasetMeta = 'coco',
        source: str | DatasetMeta | None = None,
    ) -> None:
        wanted = load_metainfo(metainfo)
        known = wanted if source is None else load_metainfo(source)
        where = f"the skeleton '{known.name}' of model.teacher.predictions"
        places = places_of(wanted.keypoint_names, known.keypoint_names, where)
        ann_ids, poses = _read_poses(Path(file), known)
        self.rows = {int(ann_id): row for row, ann_id in enumerate(ann_ids)}
        if len(self.rows) < len(ann_ids):
            raise ValueError(
                f'{file} has {len(ann_ids)} poses of {len(self.rows)} annotations; expected one '
                'for each, as of annotated boxes (--test-bbox-file none)'
            )
        self.poses = poses[:, places].astype(np.float32)

    def __call__(self, sample: Sample) -> Sample:
        pose = np.zeros((self.poses.shape[1], 3), np.float32)
        row = self.rows.get(sample['ann_id'])
        if row is not None:
            pose[:] = self.poses[row]
            if sample.get('flipped', False):
                pose = pose[sample['dataset_meta'].flip_indices]
                pose[:, 0] = sample['image_wh'][0] - 1 - pose[:, 0]
            pose[:, :2] = transform_points(pose[:, :2], sample['crop'].matrix())
        sample['teacher_keypoints'] = pose
        return sample


def _read_poses(path: Path, meta: DatasetMeta) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns ids of annotations (N,) and x, y, score (N, K, 3), img px."""
    if path.suffix != '.npz':
        found = load_detections(path, meta.num_keypoints, ('ann_id',))
        columns = [found.extras['ann_id'], found.keypoints, found.keypoint_scores]
    elif not path.is_file():
        raise FileNotFoundError(f"model.teacher.predictions: there is no file '{path}'")
    else:
        with np.load(path) as stored:
            if not set(COLUMNS) <= set(stored):
                raise ValueError(f'{path} lacks one of {COLUMNS}; write it by tools/test.py --dump')
            columns = [stored[name] for name in COLUMNS]
    ids, points, scores = columns
    if points.shape[1] != meta.num_keypoints:
        raise ValueError(
            f"{path} has poses of {points.shape[1]} keypoints but '{meta.name}' has "
            f'{meta.num_keypoints}; set model.teacher.metainfo to the skeleton of the file'
        )
    return ids, np.concatenate([points, scores[..., None]], -1)
