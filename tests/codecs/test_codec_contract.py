"""What holds for every registered codec."""

import pytest
import torch

import mmpose.codecs  # noqa: F401
from mmpose.registry import CODECS

NAMES = sorted(CODECS.module_dict)
INPUT_WH, HEATMAP_WH = (192, 256), (48, 64)
K = 5
FLIP = torch.tensor([0, 2, 1, 4, 3])
# Input px: twice well inside, near a corner, far outside, unseen.
KEYPOINTS = torch.tensor(
    [
        [[63.3, 101.7], [120.0, 180.3], [12.4, 240.6], [-900.0, 40.0], [50.0, 50.0]],
        [[90.1, 77.3], [60.8, 180.2], [170.5, 20.5], [100.0, 2000.0], [80.0, 80.0]],
    ]
)
VISIBLE = torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.0]] * 2)


def build(name, **arguments):
    config = {'type': name, 'input_size': INPUT_WH, 'heatmap_size': HEATMAP_WH}
    return CODECS.build({**config, **arguments})


def test_known_codecs_are_registered():
    assert {'MSRAHeatmap', 'UDPHeatmap', 'UDPCombinedHeatmap', 'MegviiHeatmap'} <= set(NAMES)


@pytest.fixture(params=NAMES)
def codec(request):
    return build(request.param)


def test_encode_gives_float32_maps_and_weights(codec):
    maps, weights = codec.encode(KEYPOINTS.double(), VISIBLE.double())
    assert maps.shape == (2, codec.num_channels(K), 64, 48)
    assert maps.dtype == weights.dtype == torch.float32
    score_maps = maps[:, :: codec.num_channels(1)]
    assert (score_maps[:, :3].amax((2, 3)) > 0.9).all()
    assert (score_maps[:, 3:] == 0).all(), 'neither outside nor unseen joints are drawn'
    assert torch.equal(weights[:, [0, 1, 2, 4]], VISIBLE[:, [0, 1, 2, 4]])


@pytest.mark.parametrize(('visibility', 'is_drawn'), [(0.0, False), (0.5, False), (0.6, True)])
def test_visibility_above_half_draws(codec, visibility, is_drawn):
    keypoints_visible = torch.full((1, 1), visibility)
    maps, weights = codec.encode(torch.tensor([[[60.0, 60.0]]]), keypoints_visible)
    assert bool(maps.any()) == is_drawn
    assert torch.equal(weights, keypoints_visible)


@pytest.mark.parametrize('rubbish', [float('nan'), float('inf'), 1e30])
def test_position_of_an_unseen_joint_is_never_read(codec, rubbish):
    keypoints = KEYPOINTS.clone()
    keypoints[:, 4] = rubbish
    maps, weights = codec.encode(keypoints, VISIBLE)
    expected, expected_weights = codec.encode(KEYPOINTS, VISIBLE)
    assert torch.equal(maps, expected)
    assert torch.equal(weights, expected_weights)


def test_decode_finds_the_drawn_cell(codec):
    maps, _ = codec.encode(KEYPOINTS, VISIBLE)
    keypoints, scores = codec.decode(maps)
    assert keypoints.dtype == scores.dtype == torch.float32
    assert keypoints.shape == (2, K, 2)
    # The coarsest rule rounds down to a cell and adds a quarter or three: 3 input px.
    assert (keypoints - KEYPOINTS)[:, :2].abs().max() <= 3.0
    assert (scores[:, :3] > 0).all()
    assert (scores[:, 3:] <= 0).all()


@pytest.mark.parametrize('fill', [0.0, -1.5, float('nan')])
def test_empty_map_decodes_to_minus_one_stride(codec, fill):
    maps = torch.full((1, codec.num_channels(2), 64, 48), fill)
    keypoints, scores = codec.decode(maps)
    assert torch.allclose(keypoints, -torch.tensor(codec.stride_wh).expand(1, 2, 2))
    assert not (scores > 0).any()


def test_decode_leaves_its_input_alone_and_ignores_the_batch(codec):
    maps = torch.rand(3, codec.num_channels(K), 64, 48, generator=torch.manual_seed(0))
    kept = maps.clone()
    keypoints, scores = codec.decode(maps)
    assert torch.equal(maps, kept)
    for person in range(3):
        alone, score = codec.decode(maps[person : person + 1])
        # Random maps have nearly flat peaks: rounding moves them by a few 1e-3 input px.
        assert torch.allclose(alone[0], keypoints[person], rtol=1e-4, atol=1e-2)
        assert torch.allclose(score[0], scores[person])


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
def test_any_floating_type_is_read_in_float32(codec, dtype):
    maps = codec.encode(KEYPOINTS, VISIBLE)[0].to(dtype)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        keypoints, scores = codec.decode(maps)
    expected, expected_scores = codec.decode(maps.float())
    assert keypoints.dtype == scores.dtype == torch.float32
    assert torch.equal(keypoints, expected)
    assert torch.equal(scores, expected_scores)


def test_channels_last_maps_are_read_alike(codec):
    maps, _ = codec.encode(KEYPOINTS, VISIBLE)
    keypoints, _ = codec.decode(maps.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(keypoints, codec.decode(maps)[0], atol=1e-4)


def test_empty_batch(codec):
    maps, weights = codec.encode(torch.zeros(0, K, 2), torch.zeros(0, K))
    keypoints, scores = codec.decode(maps)
    assert maps.shape == (0, codec.num_channels(K), 64, 48)
    assert weights.shape == scores.shape == (0, K)
    assert keypoints.shape == (0, K, 2)


def test_no_value_is_read_out(codec):
    # Tensors on the meta device hold no values, so whatever needs one on the host raises.
    maps, weights = codec.encode(KEYPOINTS.to('meta'), VISIBLE.to('meta'))
    keypoints, scores = codec.decode(codec.unflip(maps, FLIP.to('meta')))
    assert {x.device.type for x in (maps, weights, keypoints, scores)} == {'meta'}


@pytest.mark.parametrize('heatmap_size', [(48, 64), (72, 96), (45, 63)])
def test_other_sizes(codec, heatmap_size):
    codec = build(type(codec).__name__, heatmap_size=heatmap_size, input_size=[240, 320])
    keypoints = torch.tensor([[[100.0, 200.0]]])
    maps, _ = codec.encode(keypoints, torch.ones(1, 1))
    assert maps.shape[2:] == (heatmap_size[1], heatmap_size[0])
    assert (codec.decode(maps)[0] - keypoints).abs().max() <= 0.6 * max(codec.stride_wh)


def test_unflip_brings_a_mirrored_input_back(codec):
    keypoints, keypoints_visible = KEYPOINTS[:, :2], VISIBLE[:, :2]
    flip = torch.tensor([1, 0])
    width = torch.tensor([INPUT_WH[0] - 1, 0.0])
    mirrored = (width - keypoints).abs()[:, flip]  # x' = w - 1 - x, y' = y, sides swapped
    expected = codec.decode(codec.encode(keypoints, keypoints_visible)[0])[0]
    found = codec.decode(codec.unflip(codec.encode(mirrored, keypoints_visible)[0], flip))[0]
    # An aligned map is mirrored exactly; otherwise another rounding may cost a cell, 4 input px.
    assert (found - expected).abs().max() <= (0.01 if codec.use_udp else 4.0)


def test_unflip_swaps_partners(codec):
    group = codec.num_channels(1)
    maps = torch.arange(K * group).float()[None, :, None, None].expand(1, -1, 64, 48)
    first = codec.unflip(maps, FLIP)[0, ::group, 0, 0]  # score maps
    assert torch.equal(first, FLIP * group + 0.0)


@pytest.mark.parametrize(
    ('keypoints', 'keypoints_visible'),
    [((2, 5, 3), (2, 5)), ((5, 2), (5,)), ((2, 5, 2), (2, 5, 1))],
)
def test_encode_names_wrong_shapes(codec, keypoints, keypoints_visible):
    with pytest.raises(ValueError, match=r'expected \(B, K, 2\) and \(B, K\)'):
        codec.encode(torch.zeros(keypoints), torch.zeros(keypoints_visible))


def test_decode_names_wrong_sizes(codec):
    with pytest.raises(ValueError, match=r'expected \(B, C, 64, 48\); set codec.heatmap_size'):
        codec.decode(torch.zeros(1, codec.num_channels(1), 48, 64))


def test_unflip_names_a_wrong_number_of_channels(codec):
    maps = torch.zeros(1, codec.num_channels(K + 1), 64, 48)
    with pytest.raises(ValueError, match=r'flip indices; set head\.out_channels'):
        codec.unflip(maps, FLIP)


@pytest.mark.parametrize('size', [(48,), (48, 64.5), (1, 64)])
def test_sizes_are_checked(codec, size):
    with pytest.raises(ValueError, match=r'codec.heatmap_size .* expected \(width, height\)'):
        build(type(codec).__name__, heatmap_size=size)


@pytest.mark.parametrize(('size', 'words'), [(4, 'an odd number'), (101, 'too large')])
def test_blur_window_is_checked(codec, size, words):
    name = 'kernel_size' if hasattr(codec, 'kernel_size') else 'blur_kernel_size'
    with pytest.raises(ValueError, match=rf'codec.{name}.*{words}'):
        build(type(codec).__name__, **{name: size})
