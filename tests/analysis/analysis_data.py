"""Generated people with pictures, and results of two models, one better than the other."""

import json
from pathlib import Path

import numpy as np

from mmpose.evaluation.functional import (
    KeypointDetections,
    load_ground_truth,
    write_detections,
)
from toy_pose import ToySpec, generate_toy_dataset

ANN, IMAGES = 'annotations/person_keypoints_val2017.json', 'val2017'


def make_people(root: Path, num: int = 24) -> Path:
    """Generates images with annotated people and returns the folder of the dataset."""
    folder = root / 'toy'
    generate_toy_dataset(folder, ToySpec(1, num, seed=1), workers=1, report=lambda line: None)
    return folder


def write_poses(path: Path, ann_file: Path, noise: float, seed: int = 0) -> Path:
    """Writes annotated poses that are off by a share of the person's size."""
    gt = load_ground_truth(ann_file, 17)
    rng = np.random.default_rng(seed)
    size = np.sqrt(gt.area)[:, None, None]
    points = gt.keypoints + rng.normal(0, noise, gt.keypoints.shape) * size
    num = len(gt.ann_id)
    scores = gt.keypoints_visible.astype(float)
    poses = KeypointDetections(
        gt.image_id, gt.category_id, points, scores, rng.uniform(0.5, 1, num)
    )
    write_detections(path, poses)
    return path


def keep_images(path: Path, ann_file: Path, part: slice) -> None:
    """Keeps the poses of some of the images."""
    ids = [image['id'] for image in json.loads(ann_file.read_text())['images']][part]
    poses = [pose for pose in json.loads(path.read_text()) if pose['image_id'] in ids]
    path.write_text(json.dumps(poses))
