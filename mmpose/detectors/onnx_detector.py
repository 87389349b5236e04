"""ONNX detectors: YOLOX and RTMDet graphs, run by onnxruntime."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpose.detectors.categories import COCO_CATEGORIES, choose_classes
from mmpose.detectors.onnx_layouts import Found, decode_with_nms, decode_yolox, letterbox
from mmpose.detectors.selection import Selection
from mmpose.structures import Boxes, Frame

if TYPE_CHECKING:
    import torch

# Mean and deviation of BGR inputs in 0..255, as the official configs of the two have them.
NETWORKS = {
    'yolox': ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    'rtmdet': ((103.53, 116.28, 123.675), (57.375, 57.12, 58.395)),
}
DEFAULT_SIZE = 640  # side of the input, px, where the graph takes any
DTYPES = {'tensor(float)': np.float32, 'tensor(float16)': np.float16}


class OnnxDetector:
    """Runs a YOLOX or RTMDet graph.

    Two layouts of outputs are known: ``(B, N, 5)`` boxes and ``(B, N)`` labels of a graph that
    ends in non-maximum suppression, and ``(B, A, 5 + C)``, the raw output of YOLOX. The input is
    ``(B, 3, h, w)``; images are scaled into it with their aspect kept. A graph with a free batch
    size runs all frames at once.

    Args:
        network: ``yolox`` or ``rtmdet``, whose inputs are normalised differently. None goes by
            the raw output of YOLOX, else by the name of the file.
        device: ``cpu``, or ``cuda`` where onnxruntime-gpu is installed.
        selection: Filter of the detections.
        class_names: Names of the classes in their order. None takes ``names`` of the graph's
            metadata if there are any; else the 80 classes of COCO; the one class of a raw
            one-class graph is taken for the category that is wanted.

    Raises:
        ImportError: If onnxruntime is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If the graph cannot be read or is of another kind, or lacks a category.
    """

    def __init__(
        self,
        path: str | Path,
        network: str | None = None,
        device: str | torch.device = 'cpu',
        selection: Selection = Selection(),  # noqa: B008 - frozen
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.selection = selection
        self.session = _open(self.path, str(device))
        self.input = self.session.get_inputs()[0]
        self._check_input()
        height, width = (x if isinstance(x, int) else DEFAULT_SIZE for x in self.input.shape[2:])
        self.input_size = (width, height)
        self.has_free_batch = not isinstance(self.input.shape[0], int)
        self.dets, self.labels, self.raw = self._find_outputs()
        values = NETWORKS[network or self._guess_network()]
        self.mean, self.std = np.array(values, np.float32)
        names = self._class_names(class_names)
        self.classes = choose_classes(selection.categories, names, str(path))

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns the boxes of each frame."""
        if not frames:
            return []
        boxed = [letterbox(frame.image_bgr, self.input_size) for frame in frames]
        inputs = np.stack([image for image, _ in boxed]).astype(np.float32)
        inputs = (inputs - self.mean) / self.std
        inputs = inputs.transpose(0, 3, 1, 2)  # (B, h, w, 3) -> (B, 3, h, w)
        inputs = np.ascontiguousarray(inputs, DTYPES[self.input.type])
        step = len(frames) if self.has_free_batch else 1
        found: list[Found] = []
        for start in range(0, len(frames), step):
            found += self._run(inputs[start : start + step])
        return [
            self.selection.boxes(corners / np.tile(scale, 2), scores, labels, self.classes)
            for (corners, scores, labels), (_, scale) in zip(found, boxed, strict=True)
        ]

    def _run(self, inputs: NDArray[np.floating[Any]]) -> list[Found]:
        feed = {self.input.name: inputs}
        if self.raw is None:
            return decode_with_nms(*self.session.run([self.dets, self.labels], feed))
        [outputs] = self.session.run([self.raw], feed)
        try:
            return decode_yolox(outputs, self.input_size, self.selection.score_threshold)
        except ValueError as error:
            raise ValueError(f'{self.path}: {error}') from None

    def _check_input(self) -> None:
        shape, kind = self.input.shape, self.input.type
        is_batch = len(shape) == 4 and (shape[0] == 1 or not isinstance(shape[0], int))
        if not is_batch or shape[1] != 3:
            raise ValueError(
                f'{self.path}: the input is {shape}, expected (1 or free, 3, height, width)'
            )
        if kind not in DTYPES or len(self.session.get_inputs()) > 1:
            kinds = [f'{one.name}: {one.type}' for one in self.session.get_inputs()]
            raise ValueError(f'{self.path}: inputs are {kinds}, expected one image of floats')

    def _find_outputs(self) -> tuple[str, str, str | None]:
        """Returns the names of the boxes and labels, or of the raw output."""
        outputs = self.session.get_outputs()
        boxes = [x.name for x in outputs if len(x.shape) == 3 and x.shape[2] == 5]
        labels = [x.name for x in outputs if len(x.shape) == 2 and 'int' in x.type]
        if len(outputs) == 2 and boxes and labels:
            return boxes[0], labels[0], None
        one = outputs[0]
        last = one.shape[2] if len(one.shape) == 3 else None
        if len(outputs) == 1 and isinstance(last, int) and last > 5:
            return '', '', one.name
        shapes = ', '.join(f'{x.name} {x.shape}' for x in outputs)
        raise ValueError(
            f'{self.path}: outputs are {shapes}; expected boxes (B, N, 5) and labels (B, N) of '
            'YOLOX or RTMDet with non-maximum suppression, or (B, A, 5 + classes) of YOLOX'
        )

    def _guess_network(self) -> str:
        if self.raw is not None:
            return 'yolox'
        named = [name for name in NETWORKS if name in self.path.stem.lower()]
        if len(named) != 1:
            raise ValueError(
                f'{self.path}: the outputs could be those of YOLOX or RTMDet, whose inputs differ; '
                f"write 'yolox:{self.path}' or 'rtmdet:{self.path}'"
            )
        return named[0]

    def _class_names(self, given: Sequence[str] | None) -> Mapping[int, str]:
        """Returns the names of the classes by their number, checked where the graph has them."""
        num = None
        if self.raw is not None:
            num = self.session.get_outputs()[0].shape[2] - 5
        stored = self.session.get_modelmeta().custom_metadata_map.get('names')
        if given is None and stored is not None:
            given = _read_names(stored)
        if given is None and num == 1 and len(self.selection.categories) == 1:
            given = [str(next(iter(self.selection.categories)))]
        if given is None and num in (None, len(COCO_CATEGORIES)):
            given = list(COCO_CATEGORIES.values())
        if given is None or num not in (None, len(given)):
            raise ValueError(
                f'{self.path} has {num} classes and '
                f'{"no names for them" if given is None else f"{len(given)} names are given"}; '
                'pass class_names with one name per class'
            )
        return dict(enumerate(given))


def _open(path: Path, device: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ImportError(f'detector {path} needs onnxruntime; pip install onnxruntime') from None
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such ONNX file')
    provider: Any = 'CPUExecutionProvider'
    kind, _, number = device.partition(':')
    if kind == 'cuda':
        provider = ('CUDAExecutionProvider', {'device_id': int(number or 0)})
        if provider[0] not in onnxruntime.get_available_providers():
            raise ValueError(
                f'{path}: this onnxruntime cannot use {device}; pip install onnxruntime-gpu, or '
                "choose the device 'cpu'"
            )
    elif kind != 'cpu':
        raise ValueError(f"{path}: device is '{device}', expected cpu or cuda for an ONNX file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; initializers that nothing uses are no news
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # its exceptions share no base class of their own
        raise ValueError(f'{path} cannot be read as an ONNX graph: {error}') from None


def _read_names(text: str) -> list[str]:
    """Returns class names as metadata has them: a list, or a dict from number to name."""
    names = ast.literal_eval(text)
    return [str(name) for name in (names.values() if isinstance(names, dict) else names)]
