"""Models of torchvision and transformers: tiny or with random weights, against direct calls."""

import re
import sys

import numpy as np
import pytest
import torch
from torchvision.models import get_model
from transformers import (
    DFineConfig,
    DFineForObjectDetection,
    HGNetV2Config,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    RTDetrV2Config,
    RTDetrV2ForObjectDetection,
)

from mmpose.detectors import build_detector
from mmpose.detectors.categories import COCO_IDS
from mmpose.structures import Frame

SSD = 'ssdlite320_mobilenet_v3_large'
RCNN = 'fasterrcnn_mobilenet_v3_large_320_fpn'
NAMES = {0: 'Person', 1: 'aeroplane', 2: 'dog', 3: 'horse', 4: 'hand'}
SMALL = dict(
    encoder_hidden_dim=32, encoder_ffn_dim=32, d_model=32, num_queries=20, decoder_ffn_dim=32,
    decoder_in_channels=[32] * 3, decoder_layers=2, encoder_layers=1, num_denoising=0,
    decoder_attention_heads=2, encoder_attention_heads=2, id2label=NAMES,
)  # fmt: skip
RESNET = RTDetrResNetConfig(
    embedding_size=8, hidden_sizes=[8, 16, 32, 64], depths=[1] * 4, layer_type='basic',
    out_features=['stage2', 'stage3', 'stage4'],
)  # fmt: skip
HGNET = HGNetV2Config(
    embedding_size=8, hidden_sizes=[16, 24, 32, 64], depths=[1] * 4, stem_channels=[3, 8, 8],
    stage_in_channels=[8, 16, 24, 32], stage_mid_channels=[8] * 4,
    stage_out_channels=[16, 24, 32, 64], stage_num_blocks=[1] * 4,
    stage_downsample=[False, True, True, True], stage_light_block=[False, False, True, True],
    stage_kernel_size=[3, 3, 5, 5], stage_numb_of_layers=[1] * 4,
    out_features=['stage2', 'stage3', 'stage4'],
)  # fmt: skip
MODELS = {
    'rt_detr': (RTDetrConfig, RTDetrForObjectDetection, RESNET, [16, 32, 64]),
    'rt_detr_v2': (RTDetrV2Config, RTDetrV2ForObjectDetection, RESNET, [16, 32, 64]),
    'd_fine': (DFineConfig, DFineForObjectDetection, HGNET, [24, 32, 64]),
}


@pytest.fixture(scope='module')
def frames():
    rng = np.random.default_rng(0)
    return [
        Frame(i, rng.integers(0, 255, (height, width, 3), np.uint8), '')
        for i, (width, height) in enumerate([(200, 100), (90, 160)])
    ]


@pytest.fixture(scope='module', params=MODELS)
def folder(request, tmp_path_factory):
    """A folder with a random model of each family."""
    torch.manual_seed(0)
    make_config, make_model, backbone, channels = MODELS[request.param]
    path = tmp_path_factory.mktemp(request.param)
    config = make_config(backbone_config=backbone, encoder_in_channels=channels, **SMALL)
    make_model(config).save_pretrained(path)
    RTDetrImageProcessor(size={'height': 64, 'width': 64}).save_pretrained(path)
    return path


def corners_of(boxes):
    return np.concatenate([boxes.xywh[:, :2], boxes.xywh[:, :2] + boxes.xywh[:, 2:]], axis=1)


def test_huggingface_model_as_called_directly(folder, frames):
    """Boxes of all frames at once are those of the network for each, put into the image by hand."""
    detector = build_detector(
        f'hf:{folder}', categories=NAMES.values(), score_threshold=0.0, nms_threshold=None
    )
    for frame, boxes in zip(frames, detector(frames), strict=True):
        pixels = detector.processor(images=[frame.image_bgr[..., ::-1].copy()], return_tensors='pt')
        with torch.no_grad():
            outputs = detector.model(**pixels)
        scores = outputs.logits[0].flatten().sigmoid()  # of 20 queries x 5 classes
        rows = np.arange(len(scores))
        center_wh = outputs.pred_boxes[0][rows // len(NAMES)].numpy()
        center, size = center_wh[:, :2], center_wh[:, 2:]
        corners = np.concatenate([center - size / 2, center + size / 2], 1)
        corners *= np.tile(frame.image_wh, 2)
        ids = np.array([1, 5, 18, 19, 5])  # a hand is not in COCO, and the fifth of the model
        np.testing.assert_allclose(boxes.scores, scores.topk(20).values, atol=1e-5)
        # Scores of a random network are nearly equal, so their order is rounding.
        for xyxy, score, category in zip(
            corners_of(boxes), boxes.scores, boxes.category_ids, strict=True
        ):
            is_same = (np.abs(corners - xyxy).max(axis=1) < 1e-2) & (  # px
                np.abs(scores.numpy() - score) < 1e-5
            )
            assert category in ids[rows[is_same] % len(NAMES)]
    assert detector([]) == []


def test_huggingface_boxes_that_were_planted(folder, frames, monkeypatch):
    """Known outputs of the network; names are those of COCO whatever their spelling."""
    logits = torch.full((2, 20, 5), -9.0)
    centers = torch.full((2, 20, 4), 0.5)
    for query, (label, logit) in enumerate([(0, 1.0), (1, 3.0), (2, 2.0), (4, 1.5), (0, -3.0)]):
        logits[:, query, label] = logit
    centers[:, 0] = torch.tensor([0.25, 0.5, 0.1, 0.4])
    for categories, expected in {('person',): [1], (5, 'animal', 'hand'): [5, 18, 5]}.items():
        detector = build_detector(f'hf:{folder}', categories=categories, nms_threshold=None)
        pixels = []

        def forward(pixel_values, pixel_mask=None, seen=pixels):
            seen.append(pixel_values)
            return type('Outputs', (), {'logits': logits, 'pred_boxes': centers})

        monkeypatch.setattr(detector.model, 'forward', forward)
        red = Frame(0, np.full((64, 64, 3), (0, 0, 255), np.uint8), '')
        found = detector(frames)
        detector([red, red])
        assert pixels[1][0, :, 0, 0].tolist() == [1, 0, 0]  # BGR before
        assert [boxes.category_ids.tolist() for boxes in found] == [expected] * 2
        assert pixels[0].shape == (2, 3, 64, 64)
        if categories == ('person',):
            np.testing.assert_allclose(found[0].xywh, [[40, 30, 20, 40]], atol=1e-3)
            np.testing.assert_allclose(found[1].xywh, [[18, 48, 9, 64]], atol=1e-3)


@pytest.fixture(scope='module', params=[SSD, RCNN])
def weights(request, tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'weights.pth'
    model = get_model(request.param, weights=None, weights_backbone=None)
    torch.save(model.state_dict(), path)
    return request.param, path


def test_torchvision_model_as_called_directly(weights, frames):
    """With no thresholds, its own (0.05 for R-CNNs) included.

    One frame at a time: random weights give nearly equal scores, whose order rounding decides.
    """
    name, path = weights
    detector = build_detector(
        f'torchvision:{name}:{path}',
        categories=COCO_IDS,
        score_threshold=0.0,
        nms_threshold=None,
    )
    key = 'box_score_thresh' if 'rcnn' in name else 'score_thresh'
    model = get_model(name, weights=None, weights_backbone=None, **{key: 0.0}).eval()
    model.load_state_dict(torch.load(path, weights_only=True))
    for frame in frames:
        [boxes] = detector([frame])
        rgb = torch.tensor(frame.image_bgr[..., ::-1].copy()).permute(2, 0, 1)
        with torch.no_grad():
            [expected] = model([rgb.float().div(255)])
        known = np.isin(expected['labels'], list(COCO_IDS.values()))
        known &= (expected['boxes'][:, 2:] > expected['boxes'][:, :2]).all(1).numpy()
        assert known.sum() > 50
        assert boxes.scores.min() < 0.05
        np.testing.assert_allclose(boxes.scores, expected['scores'][known], atol=1e-5)
        np.testing.assert_allclose(corners_of(boxes), expected['boxes'][known], atol=0.01)
        np.testing.assert_array_equal(boxes.category_ids, expected['labels'][known])
    assert detector([]) == []


def test_torchvision_finds_what_it_is_asked_for(frames, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(get_model(SSD, weights=None, weights_backbone=None).state_dict(), path)
    detector = build_detector(
        f'torchvision:{SSD}:{path}', categories=['animal'], score_threshold=0.2
    )

    def found(images):
        boxes = torch.tensor([[0, 0, 9, 9], [20, 0, 40, 9], [20, 0, 41, 9], [5, 5, 5, 9.0]])
        scores, labels = torch.tensor([0.9, 0.5, 0.8, 0.9]), torch.tensor([1, 18, 19, 18])
        return [{'boxes': boxes, 'scores': scores, 'labels': labels} for _ in images]

    detector.model = found
    for boxes in detector(frames):  # the person, the cow's double and the empty box are left out
        assert boxes.xywh.tolist() == [[20, 0, 21, 9]]
        assert boxes.category_ids.tolist() == [19]


@pytest.mark.parametrize(
    ('spec', 'categories', 'error', 'words'),
    [
        ('torchvision:resnet50', ['person'], ValueError, "model 'resnet50'; it has: fasterrcnn_"),
        (f'torchvision:{SSD}', ['hand'], ValueError, "no category 'hand'; it has: person, bicycle"),
        (f'torchvision:{SSD}', [92], ValueError, 'no category 92; it has: person'),
        (f'torchvision:{SSD}', [], ValueError, r'categories are \(\), expected a list'),
        (f'torchvision:{SSD}:no.pth', ['person'], FileNotFoundError, 'no.pth'),
        ('torchvision:', ['person'], ValueError, "'torchvision:' is unknown; expected 'whole-im"),
        ('hf:', ['person'], ValueError, "'hf:' is unknown"),
        ('yolov8n.pt', ['person'], ValueError, "'yolov8n.pt' is unknown; expected .*'hf:ID_OR"),
        (7, ['person'], ValueError, "'7' is unknown"),
    ],
)
def test_unknown_detectors(spec, categories, error, words):
    with pytest.raises(error, match=words):
        build_detector(spec, categories=categories)


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'junk', 'other.pth'),
        ({'weight': torch.zeros(3)}, f'other.pth: not the weights of {SSD} with the classes of'),
    ],
)
def test_weights_of_another_model(tmp_path, content, words):
    path = tmp_path / 'other.pth'
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ValueError, match=words):
        build_detector(f'torchvision:{SSD}:{path}')


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def fail(*_, **__):
        raise OSError('no network')

    monkeypatch.setattr('torch.hub.load_state_dict_from_url', fail)
    monkeypatch.setattr('torchvision.models._api.load_state_dict_from_url', fail)
    with pytest.raises(OSError, match=r"no network\); fetch https://.*'torchvision:.*:FILE'"):
        build_detector()


def test_folder_without_a_model(tmp_path):
    words = re.escape(f"detector 'hf:{tmp_path}' is no object detection model")
    with pytest.raises(OSError, match=words):
        build_detector(f'hf:{tmp_path}')


@pytest.mark.parametrize(
    ('spec', 'module', 'words'),
    [
        ('torchvision', 'torchvision.models', 'pip install torchvision'),
        ('hf:some/model', 'transformers', 'pip install transformers'),
    ],
)
def test_missing_packages(monkeypatch, spec, module, words):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=words):
        build_detector(spec)
