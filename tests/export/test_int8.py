"""Int8 programs give the same numbers on every processor, near those of the float32 model.

Processors with AVX2 and without VNNI add two products of 8 bits in 16, which saturates.
"""

import os
import subprocess
import sys

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from test_export import TINY, TOY, make_checkpoint
from torch import nn

from mmpose.apis import init_model
from mmpose.export import ExportOptions, open_exported, run_export
from mmpose.export.crops import load_crops
from mmpose.export.quantization import CornerDeconv, SplitAttention, with_int8_layers
from mmpose.models.backbones.vit_layers import Attention

INT16 = np.iinfo(np.int16)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp('model') / 'tiny.pth', TOY, TINY)


@pytest.fixture(scope='module', params=['onnx', 'openvino'])
def int8(request, tmp_path_factory, checkpoint):
    """Report on a program, exported with two generated people to calibrate on."""
    folder = tmp_path_factory.mktemp('int8')
    images = folder / 'images'
    images.mkdir()
    crops = load_crops(None, 2, (96, 128)).permute(0, 2, 3, 1).numpy()
    for i, crop in enumerate(crops):
        cv2.imwrite(str(images / f'{i}.png'), crop)
    out = folder / {'onnx': 'int8.onnx', 'openvino': 'int8.xml'}[request.param]
    options = ExportOptions(format=request.param, out=out, int8=images, cfg_options=TINY)
    return run_export(TOY, checkpoint, options)


def test_int8_is_smaller_and_near(int8):
    [own] = int8.comparisons
    assert 0 < own.heatmaps < 0.05  # measured: 0.01; 0 would be float32
    assert int8.metadata.precision == open_exported(int8.path).runtime.metadata.precision
    assert int8.metadata.precision == 'int8'


@pytest.mark.parametrize(
    ('channels', 'size', 'bias'), [((5, 7), (4, 3), True), ((3, 1), (1, 2), False)]
)
def test_corner_deconv_is_the_transposed_convolution(channels, size, bias):
    deconv = nn.ConvTranspose2d(*channels, 4, 2, 1, bias=bias)
    x = torch.randn(2, channels[0], *size)
    torch.testing.assert_close(CornerDeconv(deconv)(x), deconv(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('options', [{}, {'qkv_bias': False, 'qk_scale': 0.7}])
def test_split_attention_is_the_attention(options):
    attention = Attention(24, 3, **options)
    x = torch.randn(2, 6, 24)
    torch.testing.assert_close(SplitAttention(attention)(x), attention(x), rtol=1e-5, atol=1e-6)


OTHER_DECONVS = [
    nn.ConvTranspose2d(4, 4, 2, 2),
    nn.ConvTranspose2d(4, 4, 4, 2, 1, groups=2),
    nn.ConvTranspose2d(4, 4, 4, 2, 1, output_padding=1),
]


@pytest.mark.parametrize('deconv', OTHER_DECONVS)
def test_other_layers_stay_and_the_model_too(checkpoint, deconv):
    model = init_model(TOY, checkpoint, cfg_options=TINY)
    model.head.deconv_layers.append(deconv)
    before = [type(module) for module in model.modules()]
    changed = with_int8_layers(model)
    assert [type(module) for module in model.modules()] == before
    kinds = [type(module) for module in changed.modules()]
    assert kinds.count(nn.ConvTranspose2d) == 1
    assert (kinds.count(CornerDeconv), kinds.count(SplitAttention)) == (2, 1)
    model.head.deconv_layers.pop(-1)
    x = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        wanted, found = model.predict_output(x), with_int8_layers(model).predict_output(x)
    assert (found - wanted).abs().max() < 1e-5 * wanted.abs().max()


def int8_weights(path):
    """Returns the matrices (inputs, outputs) of a program that have 8 bits or fewer."""
    if path.suffix == '.onnx':
        tensors = onnx.load(path).graph.initializer
        arrays = [numpy_helper.to_array(tensor) for tensor in tensors]
    else:
        import openvino

        constants = [
            op for op in openvino.Core().read_model(path).get_ops()
            if op.get_type_name() == 'Constant'
        ]  # fmt: skip
        arrays = [op.get_data() for op in constants if op.get_element_type().get_size() == 1]
    return [array for array in arrays if array.dtype == np.int8 and array.ndim == 2]


def saturating_product(activations, weights):
    """Returns uint8 x int8 as ``vpmaddubsw`` computes it: sums of two products have 16 bits."""
    products = activations[:, :, None].astype(np.int32) * weights[None].astype(np.int32)
    pairs = products[:, 0::2] + products[:, 1::2]
    return pairs.clip(INT16.min, INT16.max).sum(1)


def test_no_sum_of_two_products_saturates(int8):
    matrices = int8_weights(int8.path)
    # Of one block: qkv, proj, fc1, fc2; onnxruntime's has three of q, k and v, and two deconvs.
    assert len(matrices) == (8 if int8.path.suffix == '.onnx' else 4)
    generator = np.random.default_rng(0)
    for weights in matrices:
        assert 32 < abs(weights.astype(int)).max() <= 64  # seven bits, and all of them
        worst = np.sort(weights, axis=0)  # runtimes choose the pairs: the largest beside each other
        activations = generator.integers(0, 256, (4, len(weights)), np.uint8)
        activations[0] = 255
        exact = activations.astype(np.int64) @ worst.astype(np.int64)
        np.testing.assert_array_equal(saturating_product(activations, worst), exact)
        eight_bits = np.sort(np.clip(weights.astype(int) * 2, -128, 127), axis=0)
        exact = activations.astype(np.int64) @ eight_bits
        assert (saturating_product(activations, eight_bits) != exact).any()


FIND = """
import sys
import numpy as np
from mmpose.apis import init_model
from mmpose.export import open_exported
from mmpose.export.crops import load_crops
program, config, checkpoint, out = sys.argv[1:]
from test_export import TINY
crops = load_crops(None, 2, (96, 128))
models = open_exported(program), init_model(config, checkpoint, cfg_options=TINY).backend
np.savez(out, *[model.predict(crops, with_heatmaps=True).heatmaps for model in models])
"""


def test_instructions_of_the_processor_change_nothing(int8, checkpoint, tmp_path):
    """OpenVINO and PyTorch with AVX2 alone find what they find with all that the machine has."""
    reference = init_model(TOY, checkpoint, cfg_options=TINY).backend
    crops = load_crops(None, 2, (96, 128))
    wanted = [
        model.predict(crops, with_heatmaps=True).heatmaps
        for model in (open_exported(int8.path), reference)
    ]
    (tmp_path / 'find.py').write_text(FIND)
    paths = [str(path) for path in (int8.path, TOY, checkpoint, tmp_path / 'found.npz')]
    python_path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    limits = {'ONEDNN_MAX_CPU_ISA': 'AVX2', 'ATEN_CPU_CAPABILITY': 'avx2'}
    subprocess.run(
        [sys.executable, str(tmp_path / 'find.py'), *paths],
        env={**os.environ, **limits, 'PYTHONPATH': python_path},
        check=True,
    )
    found = [torch.from_numpy(array) for array in np.load(tmp_path / 'found.npz').values()]
    # Rounding may turn an 8-bit activation into the next; a saturated sum would be 0.1.
    for tolerance, own, other in zip((0.02, 1e-4), wanted, found, strict=True):
        assert (own - other).abs().max() < tolerance * own.abs().max()
