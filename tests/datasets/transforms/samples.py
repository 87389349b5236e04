"""Hand-made samples for the tests of transforms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmpose.metainfo import load_metainfo
from tests.datasets.tiny_coco import smooth_image


def make_sample(seed: int = 0, image_wh: tuple[int, int] = (120, 90), **changes: Any):
    """Returns a sample as a dataset gives it, with the image and a window in place."""
    rng = np.random.default_rng(seed)
    sample = {
        'image_file': 'none.png',
        'image_wh': image_wh,
        'img_id': 1,
        'ann_id': 2,
        'category_id': 1,
        'bbox_xywh': np.float32([30, 20, 40, 50]),
        'bbox_score': 1.0,
        'area': 1000.0,
        'dataset_idx': 0,
        'dataset_meta': load_metainfo('coco'),
        'rng': np.random.default_rng(seed),
        'keypoints': rng.uniform((25, 15), (75, 75), (17, 2)).astype(np.float32),
        'keypoints_visible': np.float32(rng.random(17) < 0.9),
        'center': np.array([50.0, 45.0]),
        'scale': np.array([50.0, 62.5]),
        'rotation': 0.0,
    }
    if 'image' not in changes:
        sample['image'] = smooth_image(image_wh, seed)
    return {key: value for key, value in {**sample, **changes}.items() if value is not ...}


def write_image(folder: Path, image: np.ndarray, name: str = 'x.png') -> str:
    path = str(folder / name)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 98] if name.endswith('.jpg') else []
    assert cv2.imwrite(path, image, quality)
    return path


def write_poses(path: Path, ann_ids: list[int], num_keypoints: int = 17) -> str:
    """Writes drawn poses, one an annotation, as a result file or an ``.npz``; returns its path."""
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 80, (len(ann_ids), num_keypoints, 3))
    points[..., 2] = rng.random((len(ann_ids), num_keypoints))
    if path.suffix == '.npz':
        columns = dict(keypoints=points[..., :2], keypoint_scores=points[..., 2])
        np.savez(path, ann_id=np.array(ann_ids), **columns)
    else:
        common = dict(image_id=1, category_id=1, score=1.0)
        poses = zip(ann_ids, points, strict=True)
        rows = [dict(common, ann_id=i, keypoints=pose.ravel().tolist()) for i, pose in poses]
        path.write_text(json.dumps(rows))
    return str(path)
