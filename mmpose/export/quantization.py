"""Int8 quantization of the linear layers of an ONNX program.

Weights have 7 bits (``reduce_range``). Processors with AVX2 and without VNNI add two products of 8
bits in 16, which saturates with 8-bit weights (255 x 127 x 2 > 32767) and not with 7-bit ones, so
that a file gives the same numbers everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from mmpose.backends.runtimes import require

# Of the layers of the backbone, which take nine tenths of the time. What decodes stays float32.
SCOPE = 'model.backbone'


def quantize_dynamic(source: Path, target: Path) -> None:
    """Writes a program whose linear layers take their activations' range from each input.

    Weights have a scale per output channel. Nothing is calibrated.
    """
    quantization, options = _quantization(source, target)
    with _quiet():
        quantization.quantize_dynamic(source, target, **options)


def quantize_static(source: Path, target: Path, inputs: Sequence[Tensor]) -> None:
    """Writes a program whose linear layers have fixed ranges of activations.

    Args:
        inputs: Batches (B, 3, h, w) of normalised crops on which the ranges are measured.
    """
    quantization, options = _quantization(source, target)
    batches = iter(inputs)

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, Any] | None:
            batch = next(batches, None)
            return None if batch is None else {'input': batch.numpy()}

    with _quiet():
        kind = quantization.QuantFormat.QDQ
        quantization.quantize_static(source, target, Reader(), quant_format=kind, **options)


def linear_layers(path: Path) -> list[str]:
    """Returns the names of the nodes that multiply activations of the backbone with weights.

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
        and any(SCOPE in entry.value for entry in node.metadata_props)
    ]
    if not names:
        raise ValueError('--int8 finds no linear layer in the backbone; leave it out')
    return names


def _quantization(source: Path, target: Path) -> tuple[Any, dict[str, Any]]:
    """Returns onnxruntime's module and what both kinds of quantization are told."""
    require('onnxruntime', target)
    from onnxruntime import quantization

    return quantization, {
        'weight_type': quantization.QuantType.QInt8,
        'per_channel': True,
        'reduce_range': True,
        'nodes_to_quantize': linear_layers(source),
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out the advice of onnxruntime to preprocess a graph that is folded already."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
