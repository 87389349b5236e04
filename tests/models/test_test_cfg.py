"""``model.test_cfg`` of MMPose beside ``model.flip_test`` and the options of the codecs."""

import pytest
from multi_head_model import make_model, make_single

from mmpose.registry import CODECS

SIZES = dict(input_size=(48, 64), heatmap_size=(12, 16), blur_kernel_size=3)


@pytest.mark.parametrize(
    ('flip_test', 'test_cfg', 'expected'),
    [
        (None, None, True),
        (False, None, False),
        (None, dict(flip_test=True), True),
        (None, dict(flip_mode='heatmap'), False),  # MMPose's default
        (True, dict(flip_mode='heatmap'), True),
        (False, dict(flip_test=False), False),
    ],
)
def test_flip_test_is_read_from_both(flip_test, test_cfg, expected):
    options = {} if flip_test is None else dict(flip_test=flip_test)
    assert make_single(0, **options, test_cfg=test_cfg).flip_test == expected


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(flip_test=True, test_cfg=dict(flip_test=False)), r'flip_test is True but .* False'),
        (
            dict(test_cfg=dict(output_heatmaps=True)),
            r'test_cfg has output_heatmaps, expected flip_',
        ),
        (dict(test_cfg=dict(flip_mode='udp_combined')), "flip_mode is 'udp_combined', but maps of"),
        (dict(test_cfg=dict(shift_heatmap=True)), r'UDPHeatmap has shift_heatmap=False'),
    ],
)
def test_contradictions_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make_single(0, **options)


def test_heatmaps_are_shifted_as_the_model_says():
    assert make_single(1).head.decoder.shift_heatmap
    model = make_single(1, test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))
    assert not model.head.decoder.shift_heatmap
    codec = CODECS.build(dict(type='MSRAHeatmap', shift_heatmap=False, **SIZES))
    with pytest.raises(ValueError, match=r'shift_heatmap is True, but MSRAHeatmap has .*False'):
        codec.set_flip_options(shift_heatmap=True)


def test_a_mixture_and_its_single_models_share_the_options():
    with pytest.raises(ValueError, match='UDPHeatmap has shift_heatmap=False'):
        make_model(test_cfg=dict(shift_heatmap=True))
    model = make_model(flip_test=False, test_cfg=dict(shift_heatmap=False))
    single = model.single(model.names[1])
    assert (single.flip_test, single.head.decoder.shift_heatmap) == (False, False)


def test_modes_of_codecs():
    combined = CODECS.build(dict(type='UDPCombinedHeatmap', **SIZES))
    combined.set_flip_options(flip_mode='udp_combined', shift_heatmap=False)
    with pytest.raises(ValueError, match="flip_mode is 'heatmap'"):
        combined.set_flip_options(flip_mode='heatmap')
