"""Writers of exported programs, one function per file format."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmpose.backends.metadata import KEY, ExportMetadata
from mmpose.backends.runtimes import EXTRA_FILE, require, sidecar
from mmpose.export.quantization import quantize

INT8_OPSET = 23  # the first one with Attention
TRACED_BATCH = 2  # a batch of one would be taken for a constant
# Batches for which a TensorRT engine is built: smallest, best, largest.
TENSORRT_BATCHES = (1, 8, 64)


def write_onnx(
    program: nn.Module, metadata: ExportMetadata, path: Path, opset: int | None = None
) -> None:
    """Writes an ONNX file; weights beyond 2 GB go into a file beside it."""
    require('onnx', path)
    require('onnxscript', path)
    graph = _graph_of(program, metadata)
    exported = torch.onnx.export(
        graph,
        (),
        input_names=metadata.input_names,
        output_names=metadata.output_names,
        dynamo=True,
        opset_version=opset,
        verbose=False,
    )
    exported.model.metadata_props[KEY] = metadata.to_json()
    exported.save(path)


def write_torchscript(program: nn.Module, metadata: ExportMetadata, path: Path) -> None:
    """Writes a traced TorchScript file.

    Raises:
        ValueError: If the program is for several datasets.
    """
    if len(metadata.datasets) > 1:
        raise ValueError(
            'torchscript cannot hold the weights of several datasets; choose one with --dataset'
        )
    inputs = _example_inputs(metadata)
    with torch.no_grad(), warnings.catch_warnings():
        # Sizes that become constants are those of the crops, which are fixed on purpose.
        warnings.simplefilter('ignore')
        program(*inputs)
        traced = torch.jit.trace(program, inputs, check_trace=False)
        torch.jit.save(traced, str(path), _extra_files={EXTRA_FILE: metadata.to_json()})


def write_torch_export(program: nn.Module, metadata: ExportMetadata, path: Path) -> None:
    """Writes the graph of ``torch.export``."""
    torch.export.save(
        _graph_of(program, metadata), path, extra_files={EXTRA_FILE: metadata.to_json()}
    )


def write_openvino(program: nn.Module, metadata: ExportMetadata, path: Path) -> None:
    """Writes OpenVINO's ``.xml`` and the weights beside it, ``.bin``.

    With fp16 only the weights are; the device chooses what it computes in.
    """
    with tempfile.TemporaryDirectory() as folder:
        onnx_file = Path(folder, 'program.onnx')
        write_onnx(program, metadata, onnx_file)
        _convert_to_openvino(onnx_file, metadata, path)


def write_int8(program: nn.Module, metadata: ExportMetadata, path: Path, inputs: Tensor) -> None:
    """Writes a program with int8 linear layers, as ONNX or for OpenVINO.

    onnxruntime takes the range of activations from each input, which it does as fast as with fixed
    ranges and with half the error. OpenVINO is fast with fixed ranges only.

    Args:
        program: The program, float32.
        metadata: Of the int8 program.
        path: ``.onnx`` or ``.xml``.
        inputs: (N, 3, h, w), normalised crops on which the ranges are measured; at least as many
            as a call of the program takes.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder, 'plain.onnx'), Path(folder, 'int8.onnx')
        if path.suffix == '.onnx':
            write_onnx(program, metadata, plain, INT8_OPSET)
            quantize(plain, path)
            return
        write_onnx(program, metadata, plain)
        size = metadata.batch_size or 1
        quantize(plain, small, inputs[: len(inputs) // size * size].split(size))
        _convert_to_openvino(small, metadata, path)


def _convert_to_openvino(onnx_file: Path, metadata: ExportMetadata, path: Path) -> None:
    openvino = require('openvino', path)
    model = openvino.convert_model(onnx_file)
    model.set_rt_info(metadata.to_json(), KEY)
    openvino.save_model(model, path, compress_to_fp16=metadata.precision == 'fp16')


def write_tensorrt(program: nn.Module, metadata: ExportMetadata, path: Path) -> None:
    """Builds a TensorRT engine for the GPU of this machine, and writes its metadata beside it.

    Raises:
        ValueError: If TensorRT cannot read or build the program.
    """
    trt = require('tensorrt', path)
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    # The types of the graph are kept, so that decoding stays in float32 with --fp16.
    flag = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flag)
    parser = trt.OnnxParser(network, logger)
    with tempfile.TemporaryDirectory() as folder:
        onnx_file = Path(folder, 'program.onnx')
        write_onnx(program, metadata, onnx_file)
        if not parser.parse_from_file(str(onnx_file)):
            errors = [parser.get_error(i) for i in range(parser.num_errors)]
            raise ValueError(f"TensorRT cannot read the program of '{path}': {errors}")
        engine = builder.build_serialized_network(network, _tensorrt_config(builder, metadata))
    if engine is None:
        raise ValueError(f"TensorRT cannot build '{path}'; its messages above say why")
    path.write_bytes(engine)
    sidecar(path).write_text(metadata.to_json())


def _tensorrt_config(builder: Any, metadata: ExportMetadata) -> Any:
    config = builder.create_builder_config()
    if metadata.batch_size is None:
        width, height = metadata.input_size
        profile = builder.create_optimization_profile()
        shape = metadata.num_channels, height, width
        profile.set_shape('input', *[(size, *shape) for size in TENSORRT_BATCHES])
        config.add_optimization_profile(profile)
    return config


def _example_inputs(metadata: ExportMetadata) -> tuple[Tensor, ...]:
    """Returns inputs of the sizes that the program takes."""
    width, height = metadata.input_size
    crops = torch.zeros(metadata.batch_size or TRACED_BATCH, metadata.num_channels, height, width)
    return (crops, torch.zeros(1, dtype=torch.int64))[: len(metadata.input_names)]


def _graph_of(program: nn.Module, metadata: ExportMetadata) -> torch.export.ExportedProgram:
    inputs = _example_inputs(metadata)
    batch = {0: torch.export.Dim.DYNAMIC} if metadata.batch_size is None else None
    with torch.no_grad():
        program(*inputs)  # the codec makes its constants when it is first used
        return torch.export.export(
            program, inputs, dynamic_shapes=(batch, None)[: len(inputs)], strict=False
        )
