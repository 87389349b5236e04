"""Poses are estimated again in the boxes around them, and what becomes the same is one."""

from types import SimpleNamespace

import numpy as np
import pytest

from mmpose.apis.inference import PoseInferencer
from mmpose.apis.inference.sequence import FrameJob, SequenceEstimator
from mmpose.metainfo import load_metainfo
from mmpose.structures import Boxes, Frame, PoseResult

PEOPLE = np.array([[60.0, 80], [160, 80]])  # centres, px
SHAPE = np.random.default_rng(0).uniform(-1, 1, (17, 2)) * [20, 50]
SHAPE -= (SHAPE.min(axis=0) + SHAPE.max(axis=0)) / 2


class Predictor:
    """Sees the person nearest to the middle of a box, the more exactly the better the box fits."""

    backend = SimpleNamespace(dataset_meta=load_metainfo('coco'))
    heads = ()

    def __init__(self):
        self.calls = []

    def __call__(self, frames, boxes):
        self.calls.append([own.xywh.copy() for own in boxes])
        return [[self.pose(own, row) for row in range(len(own))] for own in boxes]

    def pose(self, boxes, row):
        x, y, w, h = boxes.xywh[row]
        middle = np.array([x + w / 2, y + h / 2])
        center = PEOPLE[np.linalg.norm(PEOPLE - middle, axis=1).argmin()]
        return PoseResult(
            img_id=0,
            ann_id=row,
            category_id=int(boxes.category_ids[row]),
            keypoints=(SHAPE + center + 0.2 * (middle - center)).astype(np.float32),
            keypoint_scores=np.full(17, 0.9, np.float32),
            bbox_xywh=boxes.xywh[row],
            bbox_score=float(boxes.scores[row]),
            area=float(w * h) * 1.25**2,
        )


def poses_of(refine, boxes):
    predictor = Predictor()
    estimator = SequenceEstimator(lambda frames: [boxes] * len(frames), predictor, refine=refine)
    frame = Frame(0, np.zeros((200, 240, 3), np.uint8), 'a')
    [job] = estimator.estimate(estimator.detect([FrameJob(frame)]))
    return job.poses, predictor.calls


def test_refined_poses_are_nearer_and_duplicates_go():
    boxes = Boxes.from_xywh(
        [[20, 10, 60, 120], [130, 40, 60, 120], [50, 30, 60, 120]], [0.9, 0.8, 0.7]
    )
    errors = []
    for refine in (0, 1, 2):
        poses, calls = poses_of(refine, boxes)
        assert len(calls) == refine + 1
        assert [pose.bbox_score for pose in poses] == pytest.approx(
            [0.9, 0.8, 0.7][: 2 + (not refine)]
        )
        errors.append(np.abs(poses[0].keypoints - SHAPE - PEOPLE[0]).max())
    assert errors[0] > errors[1] > errors[2] > 0
    assert np.abs(calls[1][0][0] - calls[0][0][0]).max() > 3  # the second time in other boxes


def test_no_boxes_are_refined_to_none():
    assert poses_of(2, Boxes.from_xywh([]))[0] == []


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match='refine is -1, expected 0 or more'):
        PoseInferencer('vitpose-b', refine=-1)
