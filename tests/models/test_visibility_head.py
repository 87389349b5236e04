"""Visibility head, calibrated scores and sigma_px: in training, prediction and loading."""

import numpy as np
import pytest
import torch

from mmpose.backends import init_model
from mmpose.checkpoints.load import load_model
from mmpose.codecs import UDPHeatmap
from mmpose.config.check import check_config
from mmpose.config.load import load_config
from mmpose.models import TopdownPoseEstimator
from mmpose.models.calibration import ScoreCalibration, heatmap_sigmas
from mmpose.models.heads import HeatmapHead, VisibilityHead

TOY = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/'
CODEC = dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1.5,
             blur_kernel_size=5)  # fmt: skip
BACKBONE = dict(type='ViT', img_size=(64, 48), embed_dim=24, depth=1, num_heads=2)
HEAD = dict(type='HeatmapHead', in_channels=24, out_channels=17, decoder=CODEC,
            deconv_out_channels=(8, 8), deconv_kernel_sizes=(4, 4))  # fmt: skip


def build(**options):
    torch.manual_seed(0)
    return TopdownPoseEstimator(BACKBONE, HEAD, **options)


def with_head(**options):
    return build(visibility_head=dict(type='VisibilityHead'), **options)


def batch_of(num=2):
    rng = np.random.default_rng(0)
    return {
        'img_id': list(range(num)),
        'image_file': [''] * num,
        'center': torch.full((num, 2), 50.0),
        'scale': torch.tensor([[96.0, 128.0]]).expand(num, 2),
        'rotation': torch.zeros(num),
        'bbox_xywh': torch.zeros(num, 4),
        'bbox_score': torch.ones(num),
        **{name: torch.zeros(num, dtype=torch.int64) for name in ('ann_id', 'category_id')},
        'dataset_idx': torch.zeros(num, dtype=torch.int64),
        'keypoints': torch.from_numpy(rng.uniform(0, 47, (num, 17, 2))).float(),
        'keypoints_visible': torch.ones(num, 17),
        'visibility': torch.from_numpy(rng.integers(0, 3, (num, 17))).float(),
    }


def test_classes_of_flags_and_places():
    head = VisibilityHead(4, 6, UDPHeatmap((48, 64), (12, 16), 1.5, 5))
    points = [[0, 0], [47, 63], [48, 3], [3, -1], [99, 99], [5, 5]]
    flags = [[2, 1, 2, 1, 0, 0]]
    found = head.targets(torch.tensor([points], dtype=torch.float32), torch.tensor(flags).float())
    assert found.tolist() == [[0, 1, 2, 2, -100, -100]]


def test_loss_without_a_label_is_zero():
    head = VisibilityHead(4, 3, UDPHeatmap((48, 64), (12, 16), 1.5, 5))
    losses = head.loss(torch.randn(2, 3, 3), torch.zeros(2, 3, 2), torch.zeros(2, 3))
    assert losses['loss_visibility'] == 0


def test_head_learns_from_what_is_at_the_peak():
    """Features say at the peak whether a keypoint is visible, and nowhere else."""
    torch.manual_seed(0)
    head = VisibilityHead(4, 2, UDPHeatmap((32, 32), (8, 8), 1.5, 5))
    optimizer = torch.optim.Adam(head.parameters(), 0.01)

    def draw(num):
        flags, cells = torch.randint(1, 3, (num, 2)), torch.randint(0, 8, (num, 2, 2))
        maps = torch.zeros(num, 2, 64)
        maps.scatter_(2, (8 * cells[..., 1] + cells[..., 0])[..., None], 1.0)
        feats = torch.randn(num, 4, 64) * 0.1
        feats[:, :2] += 4 * maps * (2 * flags - 3)[..., None]  # a channel for each keypoint
        shape = (num, -1, 8, 8)
        return feats.view(shape), maps.view(shape), cells * 4.0, flags.float()

    for _ in range(60):
        feats, maps, points, flags = draw(64)
        feats.requires_grad_()
        loss = head.loss(head(feats, maps), points, flags)['loss_visibility']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert feats.grad is None
    feats, maps, points, flags = draw(200)
    assert head.loss(head(feats, maps), points, flags)['acc_visibility'] > 0.9


def test_only_the_visibility_head_is_trained():
    model = with_head().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = [x for x in model.parameters() if x.requires_grad]
    optimizer = torch.optim.SGD(parameters, 0.1)
    losses = model(torch.randn(2, 3, 64, 48), batch_of(), 'loss')
    assert set(losses) == {'loss_visibility', 'acc_visibility'}
    losses['loss_visibility'].backward()
    optimizer.step()
    changed = {k for k, x in model.state_dict().items() if not torch.equal(x, before[k])}
    assert changed
    assert all(name.startswith('visibility_head.') for name in changed)  # no statistics either


def test_plain_model_stays_as_it_was():
    plain, other = build().eval(), with_head().eval()
    own = [name for name in other.state_dict() if name.startswith('visibility_head.')]
    assert set(other.state_dict()) - set(own) == set(plain.state_dict())
    other.load_state_dict(plain.state_dict(), strict=False)
    inputs = torch.randn(2, 3, 64, 48)
    first, second = plain(inputs, batch_of(), 'predict')[0], other(inputs, batch_of(), 'predict')[0]
    np.testing.assert_array_equal(first.keypoints, second.keypoints)
    np.testing.assert_array_equal(first.keypoint_scores, second.keypoint_scores)
    assert (first.visibility, first.sigma_px, first.pose_score) == (None, None, None)
    assert not {'visibility', 'sigma_px', 'pose_score'} & first.to_dict().keys()
    assert second.visibility.shape == (17, 3)
    assert second.visibility.sum(1) == pytest.approx(np.ones(17), abs=1e-5)
    assert second.pose_score is None


def test_flip_test_exchanges_left_and_right():
    model = with_head().eval()
    inputs = torch.randn(2, 3, 64, 48)
    with torch.no_grad():
        _, first = model.predict_outputs(inputs)
        _, second = model.predict_outputs(inputs.flip(-1))
    torch.testing.assert_close(first, second[:, model.flip_indices], atol=1e-5, rtol=0)


@pytest.mark.parametrize('spread', [0.0, 1.5, 3.0])
def test_sigma_is_the_spread_beside_the_encoded_gaussian(spread):
    codec = UDPHeatmap((189, 253), (48, 64), sigma=2.0, blur_kernel_size=5)  # 4 px a cell
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing='ij')
    variance = 4.0 + spread**2
    maps = torch.exp(-((x - 20) ** 2 + (y - 30) ** 2) / (2 * variance))[None, None] * 0.7 + 0.01
    found = heatmap_sigmas(maps, torch.tensor([[[80.0, 120.0]]]), codec)
    assert found.item() == pytest.approx(4 * max(spread, 12**-0.5), rel=0.1, abs=0.7)
    moved = heatmap_sigmas(maps, torch.tensor([[[100.0, 120.0]]]), codec)  # decoded 5 cells away
    assert moved > found + 4
    assert heatmap_sigmas(-maps, torch.zeros(1, 1, 2), codec).isnan()


def test_expected_oks_is_a_mean_over_what_is_likely_labelled():
    calibration = ScoreCalibration(2)
    calibration.coefficients = torch.tensor(
        [[[2.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, -3.0]]]
    )
    scores = torch.tensor([[0.8, 0.3]])
    within, pose_score = calibration(scores)
    logits = np.log(np.array([0.8, 0.3]) / np.array([0.2, 0.7]))

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    assert within[0].numpy() == pytest.approx(sigmoid(logits * [2, 1] + [1, 0]), rel=1e-5)
    expected = np.average(
        sigmoid(logits + np.array([1, 0])), weights=sigmoid(np.array([2.0, -3.0]))
    )
    assert pose_score.item() == pytest.approx(expected, rel=1e-4)
    assert calibration(torch.tensor([[1.3, -0.2]]))[0].isfinite().all()  # heatmaps may leave 0..1


def test_checkpoint_brings_its_calibration(tmp_path):
    model = build().eval()
    model.calibration = ScoreCalibration(17)
    model.calibration.coefficients[:, :, 1] = 2.0
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'a.pth')
    loaded = build()
    load_model(loaded, tmp_path / 'a.pth')
    torch.testing.assert_close(
        loaded.calibration.coefficients, model.calibration.coefficients, rtol=0, atol=0
    )
    found = loaded.eval()(torch.randn(2, 3, 64, 48), batch_of(), 'predict')[0]
    assert 0 < found.pose_score < 1
    assert (found.sigma_px > 0).any()
    loaded.train()(torch.randn(2, 3, 64, 48), batch_of(), 'loss')  # changes what was calibrated
    assert loaded.calibration is None
    assert not any('calibration' in name for name in loaded.state_dict())


def test_checkpoint_of_another_model_says_what_is_missing(tmp_path):
    torch.save({'state_dict': with_head().state_dict()}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='visibility_head is there in the file and missing in the'):
        load_model(build(), tmp_path / 'a.pth')


def test_sigma_px_grows_with_the_window():
    model = with_head().eval()
    inputs, batch = torch.randn(2, 3, 64, 48), batch_of()
    batch['scale'] = batch['scale'] * torch.tensor([[1.0], [3.0]])
    batch['rotation'][1] = 30.0
    first, second = model(inputs[:1].expand(2, -1, -1, -1), batch, 'predict')
    assert second.sigma_px == pytest.approx(3 * first.sigma_px, rel=1e-4)


def test_models_that_cannot_have_one_say_so(monkeypatch):
    cfg = load_config(f'{TOY}ViTPose_tiny_visibility_toy_128x96.py')
    assert check_config(cfg) == []
    cfg.train_dataloader.dataset.with_visibility = False
    [problem] = check_config(cfg)
    assert problem.endswith('set train_dataloader.dataset.with_visibility=True')
    cfg = load_config('vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp')
    cfg.model.visibility_head = dict(type='VisibilityHead')
    assert 'model.visibility_head is for models of one dataset' in check_config(cfg)[0]
    monkeypatch.setattr(HeatmapHead, 'takes_maps', True)
    with pytest.raises(ValueError, match='which TopdownPoseEstimator with HeatmapHead does not'):
        with_head()


def test_pretrained_pose_model_keeps_its_poses(tmp_path):
    pose = build().eval()
    torch.nn.init.normal_(pose.head.final_layer.weight)
    torch.save({'state_dict': pose.state_dict()}, tmp_path / 'pose.pth')
    model = with_head(pretrained=str(tmp_path / 'pose.pth'))
    model.init_weights()
    inputs = torch.randn(2, 3, 64, 48)
    with torch.no_grad():
        torch.testing.assert_close(
            model.eval().predict_output(inputs), pose.predict_output(inputs), rtol=0, atol=0
        )


def test_plain_backend_asks_for_no_spread(monkeypatch):
    def fail(*_):
        raise AssertionError('sigma_px is for models with a confidence')

    monkeypatch.setattr('mmpose.models.calibration.heatmap_sigmas', fail)
    with pytest.warns(UserWarning, match='RANDOM'):
        model = init_model(f'{TOY}ViTPose_tiny_toy_128x96.py')
    crops = torch.zeros(1, 3, 128, 96, dtype=torch.uint8)
    assert model.backend.predict(crops).confidence is None
