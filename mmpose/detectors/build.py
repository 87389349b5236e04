"""Builds a detector from its specification, a word of the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmpose.detectors.base import CheckedDetector, Detector, WholeImage
from mmpose.detectors.boxes_file import BoxesFile
from mmpose.detectors.categories import Categories
from mmpose.detectors.huggingface_detector import HuggingFaceDetector
from mmpose.detectors.onnx_detector import NETWORKS, OnnxDetector
from mmpose.detectors.selection import Selection
from mmpose.detectors.torchvision_detector import DEFAULT_MODEL, TorchvisionDetector

if TYPE_CHECKING:
    import torch

FORMS = (
    "'whole-image', a .json file with boxes, 'torchvision' or 'torchvision:NAME[:WEIGHTS]', "
    "a .onnx file ('yolox:FILE' or 'rtmdet:FILE' where its name does not say which), "
    "or 'hf:ID_OR_FOLDER'"
)


def build_detector(
    spec: str | Path | Callable[[Any], Any] | None = None,
    device: str | torch.device = 'cpu',
    score_threshold: float = 0.3,
    nms_threshold: float | None = 0.65,
    categories: Categories = ('person',),
    class_names: Sequence[str] | None = None,
) -> Detector:
    """Returns a detector.

    Args:
        spec: One of

            - ``whole-image``: one box that covers the image;
            - a ``.json`` file with boxes, see ``BoxesFile``;
            - ``torchvision``, ``torchvision:NAME`` or ``torchvision:NAME:WEIGHTS``, see
              ``TorchvisionDetector``;
            - a ``.onnx`` file, or ``yolox:FILE`` or ``rtmdet:FILE``, see ``OnnxDetector``;
            - ``hf:ID_OR_FOLDER``, see ``HuggingFaceDetector``;
            - a callable of the form ``Detector``, which sets its own thresholds and categories;
            - None, which is ``torchvision``.
        device: Where networks run, such as ``cpu`` or ``cuda:0``.
        score_threshold: Boxes with a lower score are dropped.
        nms_threshold: Of two boxes of a category that overlap (IoU) by more than this, the
            one with the lower score is dropped; None keeps both. Those of files and callables stay.
        categories: What to look for: names, COCO ids, ``animal`` for all the animals of COCO, or
            ``any``; or a dict of names and the ids that boxes get.
        class_names: Names of the classes of a ``.onnx`` file in their order, where they are not
            the 80 of COCO and the file does not say them.

    Raises:
        ImportError: If the detector needs a package that is not installed.
        FileNotFoundError: If there is no such file.
        TypeError, ValueError: If there is no such detector, or it lacks a category.
    """
    if not isinstance(categories, Mapping):
        categories = (categories,) if isinstance(categories, str) else tuple(categories)
    selection = Selection(categories, score_threshold, nms_threshold)
    if callable(spec):
        return CheckedDetector(spec)
    text = f'torchvision:{DEFAULT_MODEL}' if spec is None else str(spec)
    kind, colon, rest = text.partition(':')
    is_onnx = text.endswith('.onnx')
    if class_names is not None and not is_onnx:
        raise ValueError(f"class_names are for .onnx files, and the detector is '{text}'")
    if text == 'whole-image':
        return WholeImage()
    if text.endswith('.json'):
        return BoxesFile(text, selection)
    if is_onnx:
        network = kind if colon and kind in NETWORKS else None
        return OnnxDetector(rest if network else text, network, device, selection, class_names)
    if kind == 'hf' and rest:
        return HuggingFaceDetector(rest, device, selection)
    if kind == 'torchvision' and bool(colon) == bool(rest):
        name, _, weights = rest.partition(':')
        return TorchvisionDetector(name or DEFAULT_MODEL, weights or None, device, selection)
    raise ValueError(f"detector '{text}' is unknown; expected {FORMS}")
