"""Runtimes of exported programs: one small class per file format, tensors in and tensors out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from mmpose.backends.metadata import KEY, ExportMetadata, missing_metadata

EXTRA_FILE = f'{KEY}.json'


class Runtime(Protocol):
    """A loaded program.

    Attributes:
        metadata: What the file says about it.
        device: Where its inputs should be.
    """

    metadata: ExportMetadata
    device: torch.device

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """Returns the outputs, in the order of ``metadata.output_names``.

        Args:
            inputs: In the order of ``metadata.input_names``.
        """
        ...


class OnnxRuntime:
    """Runs an ONNX file with onnxruntime.

    Args:
        device: ``cpu``, or ``cuda`` where the GPU build of onnxruntime is installed.
        threads: Threads of an operator; None leaves it to onnxruntime.
    """

    device = torch.device('cpu')  # arrays go in and out, wherever it computes

    def __init__(self, path: Path, device: str = 'cpu', threads: int | None = None) -> None:
        onnxruntime = require('onnxruntime', path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=_providers(onnxruntime, device)
        )
        text = self._session.get_modelmeta().custom_metadata_map.get(KEY)
        if text is None:
            raise missing_metadata(str(path))
        self.metadata = ExportMetadata.from_json(text, str(path))

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """See ``Runtime``."""
        names = self.metadata.input_names
        feed = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        outputs = self._session.run(self.metadata.output_names, feed)
        return [torch.from_numpy(array) for array in outputs]


class OpenVinoRuntime:
    """Runs an OpenVINO file.

    Args:
        path: The ``.xml`` file; the ``.bin`` is beside it.
        device: ``cpu``, or another name that OpenVINO knows here, such as ``gpu``.
        threads: Threads on a CPU; None leaves it to OpenVINO.
    """

    device = torch.device('cpu')

    def __init__(self, path: Path, device: str = 'cpu', threads: int | None = None) -> None:
        openvino = require('openvino', path)
        core = openvino.Core()
        known = core.available_devices
        if device.upper() not in known:
            raise ValueError(f"device is '{device}', but OpenVINO has only {', '.join(known)}")
        model = core.read_model(path)
        if not model.has_rt_info(KEY):
            raise missing_metadata(str(path))
        self.metadata = ExportMetadata.from_json(model.get_rt_info(KEY).value, str(path))
        options: dict[str, Any] = {'PERFORMANCE_HINT': 'LATENCY'}
        if device.lower() == 'cpu':
            options['INFERENCE_PRECISION_HINT'] = 'f32'  # bfloat16 is its choice on some CPUs
            if threads is not None:
                options['INFERENCE_NUM_THREADS'] = threads
        self._model = core.compile_model(model, device.upper(), options)

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """See ``Runtime``."""
        names = self.metadata.input_names
        feed = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        outputs = self._model(feed)
        # The arrays belong to the request, which fills them anew in the next call.
        return [torch.from_numpy(outputs[name].copy()) for name in self.metadata.output_names]


class TorchScriptRuntime:
    """Runs a TorchScript file.

    Args:
        device: Any of PyTorch.
        threads: Threads on a CPU, for all of PyTorch; None leaves them as they are.
    """

    def __init__(self, path: Path, device: str = 'cpu', threads: int | None = None) -> None:
        self.device = torch.device(device)
        files = {EXTRA_FILE: ''}
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', FutureWarning)  # to use torch.export instead
            self._module = torch.jit.load(str(path), self.device, _extra_files=files)
        self.metadata = _of_extra_file(files, path)
        _set_threads(threads)

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """See ``Runtime``."""
        return list(self._module(*inputs))


class TorchExportRuntime(TorchScriptRuntime):
    """Runs a file of ``torch.export``; see ``TorchScriptRuntime``."""

    def __init__(self, path: Path, device: str = 'cpu', threads: int | None = None) -> None:
        self.device = torch.device(device)
        files = {EXTRA_FILE: ''}
        program = torch.export.load(path, extra_files=files)
        self.metadata = _of_extra_file(files, path)
        if self.device.type != 'cpu':
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
        self._module = program.module()
        _set_threads(threads)


class TensorRtRuntime:
    """Runs a TensorRT engine, on the kind of GPU for which it was built.

    Args:
        path: The ``.engine`` file; its metadata is beside it.
        device: ``cuda`` or ``cuda:N``.
        threads: Unused; part of what all have.
    """

    def __init__(self, path: Path, device: str = 'cuda', threads: int | None = None) -> None:
        trt = require('tensorrt', path)
        if not device.startswith('cuda'):
            raise ValueError(f"device is '{device}', but a TensorRT engine needs 'cuda'")
        if not sidecar(path).is_file():
            raise missing_metadata(str(sidecar(path)))
        self.metadata = ExportMetadata.from_json(sidecar(path).read_text(), str(sidecar(path)))
        self.device = torch.device(device)
        with torch.cuda.device(self.device):
            runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
            self._engine = runtime.deserialize_cuda_engine(path.read_bytes())
            if self._engine is None:
                raise ValueError(
                    f"TensorRT cannot load '{path}': it was built for another GPU or version; "
                    'export it again on this machine'
                )
            self._context = self._engine.create_execution_context()

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """See ``Runtime``."""
        metadata, context = self.metadata, self._context
        inputs = [x.contiguous() for x in inputs]
        for name, x in zip(metadata.input_names, inputs, strict=True):
            context.set_input_shape(name, tuple(x.shape))
            context.set_tensor_address(name, x.data_ptr())
        outputs = []
        for name in metadata.output_names:
            shape = tuple(context.get_tensor_shape(name))
            outputs.append(torch.empty(shape, device=self.device))
            context.set_tensor_address(name, outputs[-1].data_ptr())
        stream = torch.cuda.current_stream(self.device)
        context.execute_async_v3(stream.cuda_stream)
        stream.synchronize()
        return outputs


RUNTIMES: dict[str, Callable[[Path, str, int | None], Runtime]] = {
    '.onnx': OnnxRuntime,
    '.xml': OpenVinoRuntime,
    '.torchscript': TorchScriptRuntime,
    '.pt2': TorchExportRuntime,
    '.engine': TensorRtRuntime,
}


def sidecar(path: Path) -> Path:
    """Returns the file that holds the metadata of one that cannot hold it itself."""
    return path.with_name(f'{path.name}.json')


def require(package: str, path: str | Path) -> Any:
    """Imports an optional package.

    Raises:
        ImportError: If it is not installed; says how to install it.
    """
    try:
        return __import__(package)
    except ImportError as error:
        raise ImportError(
            f"'{path}' needs {package}, which is not installed; install it with: "
            f'pip install {package}'
        ) from error


def _providers(onnxruntime: Any, device: str) -> list[Any]:
    kind, _, number = device.partition(':')
    if kind == 'cpu':
        return ['CPUExecutionProvider']
    known = onnxruntime.get_available_providers()
    if kind != 'cuda' or 'CUDAExecutionProvider' not in known:
        raise ValueError(
            f"device is '{device}', but this onnxruntime has only {', '.join(known)}; use 'cpu', "
            'or install onnxruntime-gpu for cuda'
        )
    return [('CUDAExecutionProvider', {'device_id': int(number or 0)}), 'CPUExecutionProvider']


def _of_extra_file(files: dict[str, Any], path: Path) -> ExportMetadata:
    text = files[EXTRA_FILE]
    if not text:
        raise missing_metadata(str(path))
    text = text.decode() if isinstance(text, bytes) else text
    return ExportMetadata.from_json(text, str(path))


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)
