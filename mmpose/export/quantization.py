"""Int8 programs: layers that can be int8, and the quantization of those that are.

Weights have 7 bits (``reduce_range``). Processors with AVX2 and without VNNI add two products of 8
bits in 16, which saturates with 8-bit weights (255 x 127 x 2 > 32767) and not with 7-bit ones, so
that a file gives the same numbers everywhere.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.backends.packed import fuse_batch_norms
from mmpose.backends.runtimes import require
from mmpose.models import TopdownPoseEstimator
from mmpose.models.backbones.vit_layers import Attention
from mmpose.models.lora import merge_lora

# Of the layers that take nine tenths of the time. What decodes stays float32.
SCOPES = 'model.backbone', 'deconv_layers'
# Transposed convolutions that ``CornerDeconv`` can replace.
DOUBLING = dict(kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), output_padding=(0, 0))
DOUBLING |= dict(dilation=(1, 1), groups=1)


def with_int8_layers(model: TopdownPoseEstimator) -> TopdownPoseEstimator:
    """Returns a copy with layers that are faster in int8; heatmaps differ by rounding."""
    changed = copy.deepcopy(model, {id(model.backend): None})
    fuse_batch_norms(changed)
    merge_lora(changed)
    for module in list(changed.modules()):
        for name, child in module.named_children():
            if type(child) is Attention:
                setattr(module, name, SplitAttention(child))
            elif isinstance(child, nn.ConvTranspose2d) and DOUBLING.items() <= vars(child).items():
                setattr(module, name, CornerDeconv(child))
    return changed


class SplitAttention(nn.Module):
    """Attention with a linear layer each for queries, keys and values.

    ONNX's operator takes their outputs as they are; those of one layer have to be split and
    transposed first, which takes a third of the time.
    """

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        weight, bias = attention.qkv.weight, attention.qkv.bias
        self.weights = nn.ParameterList(weight.chunk(3))
        self.biases = (None,) * 3 if bias is None else nn.ParameterList(bias.chunk(3))
        self.proj = attention.proj
        self.num_heads, self.qk_scale = attention.num_heads, attention.qk_scale

    def forward(self, x: Tensor) -> Tensor:
        """Returns the attended tokens, (B, T, D) like ``x``."""
        heads = {'q_num_heads': self.num_heads, 'kv_num_heads': self.num_heads}
        inputs = [F.linear(x, *layer) for layer in zip(self.weights, self.biases, strict=True)]
        attended, *_ = torch.onnx.ops.attention(*inputs, **heads, scale=self.qk_scale)
        return self.proj(attended)


class CornerDeconv(nn.Module):
    """A transposed convolution, kernel 4, stride 2 and padding 1, as a linear layer.

    Of the 2 x 2 output cells around a corner between input cells, each depends on the four cells
    that meet there. The layer reads these at all (H + 1) x (W + 1) corners; the outermost output
    cells are outside and cut off.
    """

    def __init__(self, deconv: nn.ConvTranspose2d) -> None:
        super().__init__()
        # Input row a (0 or 1) of a corner and output row s meet in row 2 (1 - a) + s of the kernel.
        weight = rearrange(deconv.weight, 'i o (a s) (b t) -> s t o a b i', s=2, t=2).flip(3, 4)
        self.weight = nn.Parameter(weight.flatten(3).flatten(0, 2))
        self.bias = None if deconv.bias is None else nn.Parameter(deconv.bias.repeat(4))

    def forward(self, x: Tensor) -> Tensor:
        """Returns (B, O, 2 H, 2 W) of (B, I, H, W)."""
        x = x.permute(0, 2, 3, 1)
        for dim in (2, 1):
            zeros = torch.zeros_like(x.narrow(dim, 0, 1))
            x = torch.cat([torch.cat([zeros, x], dim), torch.cat([x, zeros], dim)], -1)
        cells = F.linear(x, self.weight, self.bias)
        cells = rearrange(cells, 'b h w (s t o) -> b (h s) (w t) o', s=2, t=2)
        # A copy, because the ReLU behind it works in place, which views make slow in ONNX.
        return cells[:, 1:-1, 1:-1].permute(0, 3, 1, 2).contiguous()


def quantize(source: Path, target: Path, inputs: Iterable[Tensor] | None = None) -> None:
    """Writes a program with int8 linear layers, which have a scale per output channel.

    Args:
        inputs: Batches (B, 3, h, w) of normalised crops, on which the ranges of activations are
            measured; None takes the range from each input of the program.
    """
    require('onnxruntime', target)
    from onnxruntime import quantization

    options = {
        'weight_type': quantization.QuantType.QInt8,
        'per_channel': True,
        'reduce_range': True,
        'nodes_to_quantize': linear_layers(source),
    }
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # advice to preprocess a graph that is folded already
    try:
        if inputs is None:
            quantization.quantize_dynamic(source, target, **options)
        else:
            feeds = ({'input': batch.numpy()} for batch in inputs)
            reader = SimpleNamespace(get_next=lambda: next(feeds, None))
            kind = quantization.QuantFormat.QDQ
            quantization.quantize_static(source, target, reader, kind, **options)
    finally:
        logging.disable(before)


def linear_layers(path: Path) -> list[str]:
    """Returns the names of the nodes that multiply activations with weights, in ``SCOPES``.

    Raises:
        ValueError: If there is none.
    """
    graph = require('onnx', path).load(path, load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    names = [
        node.name
        for node in graph.node
        if node.op_type in ('MatMul', 'Gemm')
        and node.input[1] in weights
        and any(scope in entry.value for entry in node.metadata_props for scope in SCOPES)
    ]
    if not names:
        raise ValueError('--int8 finds no linear layer in the backbone; leave it out')
    return names
