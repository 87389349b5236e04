"""A model on one image gives what the evaluation loop gives."""

import numpy as np
import pytest
import torch

from mmpose.apis import inference_topdown, init_model
from mmpose.datasets.transforms import GetBBoxCenterScale, LoadImage, TopdownAffine
from mmpose.structures import Boxes

CONFIG = (
    'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/coco/ViTPose_small_simple_coco_256x192.py'
)
TINY = {'model.backbone.depth': 1}
BOXES = [[20.0, 30.0, 120.0, 210.0], [-10.0, 5.0, 90.0, 80.0]]  # xyxy; one reaches over the border


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    model = init_model(CONFIG, cfg_options=TINY)
    # Maps of the published initialisation are flat, and rounding would decide where they peak.
    torch.nn.init.normal_(model.head.final_layer.weight, std=0.2)
    return model


@pytest.fixture(scope='module')
def image():
    return np.random.default_rng(0).integers(0, 255, (240, 160, 3), np.uint8)


def test_results_are_those_of_the_test_pipeline(model, image):
    results = inference_topdown(model, image, BOXES)
    for result, box in zip(results, Boxes.from_xyxy(BOXES).xywh, strict=True):
        sample = {'image': image, 'bbox_xywh': box, 'image_file': '', 'image_wh': (160, 240)}
        for step in (LoadImage(), GetBBoxCenterScale(), TopdownAffine((192, 256), use_udp=True)):
            sample = step(sample)
        crop = torch.from_numpy(sample['image']).permute(2, 0, 1)[None]
        with torch.no_grad():
            maps = model.predict_output(model.data_preprocessor.normalize(crop))
        keypoints, scores = model.head.decode(maps)
        expected = sample['crop'].to_image(keypoints[0].numpy())
        np.testing.assert_allclose(result.keypoints, expected, atol=1e-3)  # px, float32
        np.testing.assert_allclose(result.keypoint_scores, scores[0], rtol=1e-5)  # float32
        np.testing.assert_array_equal(result.bbox_xywh, box)


@pytest.mark.parametrize('boxes', [[], np.zeros((0, 4)), Boxes.from_xywh([])])
def test_no_boxes_give_no_poses(model, image, boxes):
    assert inference_topdown(model, image, boxes) == []


def test_the_whole_image_is_the_default(model, image):
    [result] = inference_topdown(model, image)
    assert result.bbox_xywh.tolist() == [0, 0, 160, 240]


@pytest.mark.parametrize(
    ('boxes', 'words'),
    [
        ([[1, 2, 3]], r'shape \(1, 3\), expected \(N, 4\)'),
        ([[1, 2, float('nan'), 4]], 'not a finite number'),
    ],
)
def test_bad_boxes(model, image, boxes, words):
    with pytest.raises(ValueError, match=words):
        inference_topdown(model, image, boxes, bbox_format='xywh')
