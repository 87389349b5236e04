"""COCO keypoint file of predicted poses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.instance_layout import CONFIDENCE
from mmpose.detectors.categories import COCO_CATEGORIES
from mmpose.labelling.views import ViewedPoses
from mmpose.structures import DatasetMeta
from mmpose.version import __version__

DIGITS = 3  # of a px, and of a score
VISIBLE = 2  # as COCO counts


class LabelFile:
    """Images and annotations in COCO's layout, as training and the annotation tools read them.

    Args:
        dataset_meta: The skeleton.
        about: Where the poses come from, for ``info``.
    """

    def __init__(self, dataset_meta: DatasetMeta, about: Mapping[str, Any]) -> None:
        self.dataset_meta = dataset_meta
        self.about = about
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []

    def add(
        self,
        file_name: str,
        poses: ViewedPoses,
        accepted: NDArray[np.bool_],
        with_confidence: bool = False,
    ) -> None:
        """Adds an image with the instances of which a keypoint was accepted.

        Args:
            file_name: Relative to the folder of the images.
            accepted: (N, K). The other keypoints have visibility 0.
            with_confidence: Whether ``keypoint_confidence`` has the scores, by which training
                weights the keypoints.
        """
        width, height = poses.image_wh
        image_id = len(self.images) + 1
        self.images.append(
            {'id': image_id, 'file_name': file_name, 'width': width, 'height': height}
        )
        scores = np.where(accepted, np.minimum(poses.keypoint_scores, 1), 0).round(DIGITS)
        triples = np.concatenate([poses.keypoints.round(DIGITS), accepted[..., None] * VISIBLE], 2)
        triples[~accepted] = 0
        for row in np.flatnonzero(accepted.any(axis=1)).tolist():
            bbox = poses.boxes.xywh[row].astype(np.float64).round(DIGITS)
            annotation = {
                'id': len(self.annotations) + 1,
                'image_id': image_id,
                'category_id': int(poses.boxes.category_ids[row]),
                'bbox': bbox.tolist(),
                'area': round(float(bbox[2] * bbox[3]), DIGITS),
                'iscrowd': 0,
                'num_keypoints': int(accepted[row].sum()),
                'keypoints': triples[row].ravel().tolist(),
            }
            if with_confidence:
                annotation[CONFIDENCE] = scores[row].tolist()
            if poses.track_ids[row] >= 0:
                annotation['track_id'] = int(poses.track_ids[row])
            self.annotations.append(annotation)

    def write(self, path: Path) -> None:
        """Writes the file, in folders that are made where they are missing."""
        names = list(self.dataset_meta.keypoint_names)
        links = (self.dataset_meta.skeleton_links + 1).tolist()  # COCO counts keypoints from 1
        used = sorted({annotation['category_id'] for annotation in self.annotations})
        content = {
            'info': {
                **self.about,
                'version': __version__,
                'date_created': datetime.now(timezone.utc).isoformat(timespec='seconds'),
            },
            'images': self.images,
            'annotations': self.annotations,
            'categories': [
                {
                    'id': number,
                    'name': COCO_CATEGORIES.get(number, f'category {number}'),
                    'supercategory': '',
                    'keypoints': names,
                    'skeleton': links,
                }
                for number in used
            ],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, allow_nan=False) + '\n', encoding='utf-8')
