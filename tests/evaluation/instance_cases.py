"""Annotations whose instances are compared one by one, for several tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.structures import PoseResult


def write_instances(folder: Path, num: int, joints: int, seed: int = 0) -> Path:
    """A COCO file of instances with head sizes, ids in no order, some joints unlabelled."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(num) + 10
    annotations = []
    for i in range(num):
        corner, size = rng.uniform(0, 60, 2), rng.uniform(30, 80, 2)
        points = corner + rng.random((joints, 2)) * size
        keypoints_visible = rng.random(joints) < 0.8
        keypoints_visible[:2] = True
        annotations.append(
            {
                'id': int(ids[i]),
                'image_id': int(1 + i // 2),
                'category_id': 1,
                'keypoints': np.c_[points, 2 * keypoints_visible].ravel().tolist(),
                'num_keypoints': int(keypoints_visible.sum()),
                'bbox': [*corner.tolist(), *size.tolist()],
                'area': float(size.prod()),
                'iscrowd': 0,
                'head_size': float(rng.uniform(8, 20)),
            }
        )
    images = [
        {'id': 1 + i, 'file_name': f'{i}.jpg', 'width': 100, 'height': 100}
        for i in range((num + 1) // 2)
    ]
    content = {
        'images': images,
        'annotations': annotations,
        'categories': [{'id': 1, 'name': 'hand'}],
    }
    path = folder / 'instances.json'
    path.write_text(json.dumps(content))
    return path


def estimates(gt: Any, noise: float, seed: int = 0) -> list[PoseResult]:
    """A pose per instance of a ground truth, in another order, off by some px."""
    rng = np.random.default_rng(seed)
    return [
        PoseResult(
            img_id=gt.image_id[i].item(),
            ann_id=int(gt.ann_id[i]),
            category_id=1,
            keypoints=(gt.keypoints[i] + rng.normal(0, 1, gt.keypoints[i].shape) * noise).astype(
                np.float32
            ),
            keypoint_scores=rng.random(gt.num_keypoints).astype(np.float32),
            bbox_xywh=gt.bbox_xywh[i].astype(np.float32),
        )
        for i in rng.permutation(len(gt.ann_id))
    ]
