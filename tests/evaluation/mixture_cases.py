"""A mixture of three small datasets with different skeletons and metrics, and poses for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from evaluation_cases import annotation_file, pose_result, shifted
from instance_cases import estimates, write_instances

from mmpose.evaluation.functional import load_instances
from mmpose.evaluation.metrics import PerDatasetMetric
from mmpose.metainfo import load_metainfo
from mmpose.registry import METRICS
from mmpose.structures import PoseResult

NAMES = ['people', 'hands', 'persons']
METRIC_CONFIGS: list[Any] = [
    {'type': 'CocoMetric'},
    [{'type': 'PCKAccuracy'}, {'type': 'EPE'}],
    {'type': 'CocoMetric', 'use_area': False},
]
NUM_PEOPLE, NUM_HANDS, NUM_PERSONS = 5, 7, 3


def mixture_meta(folder: Path) -> dict[str, Any]:
    """Writes the annotations; returns what the mixture says about its datasets."""
    for name in NAMES:
        (folder / name).mkdir(exist_ok=True)
    coco, hand = load_metainfo('coco'), load_metainfo('interhand2d')
    people = annotation_file(folder / 'people', num_images=NUM_PEOPLE, people_per_image=1)
    persons = annotation_file(folder / 'persons', num_images=NUM_PERSONS, people_per_image=1)
    hands = write_instances(folder / 'hands', NUM_HANDS, hand.num_keypoints)
    parts = [
        {'dataset_meta': coco, 'ann_file': str(people), 'num_samples': NUM_PEOPLE},
        {
            'dataset_meta': hand,
            'ann_file': str(hands),
            'num_samples': NUM_HANDS,
            'ground_truth': lambda: load_instances(hands, hand.num_keypoints),
        },
        {'dataset_meta': coco, 'ann_file': str(persons), 'num_samples': NUM_PERSONS},
    ]
    return {'parts': parts}


def mixture_poses(meta: dict[str, Any]) -> list[PoseResult]:
    """Inexact poses of all datasets; ids repeat between them, and they are in no order."""
    poses = [_person(i, 4, 0) for i in range(NUM_PEOPLE)]
    gt = meta['parts'][1]['ground_truth']()
    poses += [replace(pose, dataset_idx=1) for pose in estimates(gt, noise=5)]
    poses += [_person(i, 7, 2) for i in range(NUM_PERSONS)]
    return [poses[i] for i in np.random.default_rng(0).permutation(len(poses))]


def _person(i: int, error_px: float, dataset_idx: int) -> PoseResult:
    error = np.random.default_rng((i, dataset_idx)).normal(0, 1, (17, 2)) * error_px
    pose = pose_result(1 + i, 1 + i, shifted(0)[0] + error, bbox_score=0.9 - i / 10)
    return replace(pose, dataset_idx=dataset_idx)


def mixture_metric(meta: dict[str, Any], **options: Any) -> PerDatasetMetric:
    """The metric of the mixture, ready for poses."""
    metric = METRICS.build(
        {'type': 'PerDatasetMetric', 'metrics': METRIC_CONFIGS, 'names': NAMES, **options}
    )
    metric.dataset_meta = meta
    return metric


def separate_figures(meta: dict[str, Any], poses: list[PoseResult]) -> dict[str, float]:
    """The figures of every dataset evaluated alone, by the names of the mixture."""
    figures = {}
    for i, (name, group) in enumerate(zip(NAMES, METRIC_CONFIGS, strict=True)):
        own = [pose for pose in poses if pose.dataset_idx == i]
        for config in [group] if isinstance(group, dict) else group:
            metric = METRICS.build(config)
            metric.dataset_meta = meta['parts'][i]
            metric.process({}, own)
            found = metric.evaluate(len(own))
            figures |= {f'{name}/{key.rpartition("/")[2]}': value for key, value in found.items()}
    return figures
