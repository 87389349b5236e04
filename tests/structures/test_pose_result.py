"""A pose as plain values."""

import json

import numpy as np

from mmpose.structures import PoseResult


def test_to_dict_is_json():
    points = np.array([[1.5, 2], [np.nan, np.inf]], np.float32)
    scores, box = np.array([0.5, np.float32('nan')]), np.array([1, 2, 3, 4], np.float32)
    pose = PoseResult(7, 1, 1, points, scores, box, np.float32(0.5), track_id=np.int64(3))
    content = json.loads(json.dumps(pose.to_dict(), allow_nan=False))
    assert content['keypoints'] == [[1.5, 2], [None, None]]
    assert content['keypoint_scores'] == [0.5, None]
    assert content['bbox_xywh'] == [1, 2, 3, 4]
    assert (content['img_id'], content['bbox_score'], content['track_id']) == (7, 0.5, 3)
    assert 'heatmaps' not in content
