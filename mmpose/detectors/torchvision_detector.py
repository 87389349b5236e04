"""Torchvision detectors: Faster R-CNN, RetinaNet, FCOS, SSD and others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmpose.detectors.categories import choose_classes
from mmpose.detectors.selection import Selection
from mmpose.structures import Boxes, Frame

if TYPE_CHECKING:
    import torch

DEFAULT_MODEL = 'fasterrcnn_mobilenet_v3_large_fpn'


class TorchvisionDetector:
    """Runs a detection model of torchvision, trained on COCO.

    Args:
        name: Such as ``fasterrcnn_resnet50_fpn_v2``.
        weights: Checkpoint of this model with the classes of COCO; None takes torchvision's own,
            which it downloads on first use.
        device: Such as ``cpu`` or ``cuda:0``.
        selection: Filter of the detections.

    Raises:
        ImportError: If torchvision is not installed.
        FileNotFoundError: If there is no such file.
        OSError: If the weights cannot be downloaded.
        ValueError: If there is no such model, the weights are of another one, or it lacks a
            category.
    """

    def __init__(
        self,
        name: str = DEFAULT_MODEL,
        weights: str | Path | None = None,
        device: str | torch.device = 'cpu',
        selection: Selection = Selection(),  # noqa: B008 - frozen
    ) -> None:
        try:
            from torchvision.models import detection, get_model_weights, list_models
        except ImportError:
            raise ImportError(
                f"detector 'torchvision:{name}' needs torchvision in the version that fits torch; "
                'pip install torchvision'
            ) from None
        known = list_models(module=detection)
        if name not in known:
            raise ValueError(
                f"torchvision has no detection model '{name}'; it has: {', '.join(known)}"
            )
        official = get_model_weights(name).DEFAULT
        names = dict(enumerate(official.meta['categories']))
        names = {i: text for i, text in names.items() if text not in ('__background__', 'N/A')}
        self.classes = choose_classes(selection.categories, names, f'torchvision:{name}')
        self.selection = selection
        self.device = device
        self.model = _build(name, official, weights, selection).to(device).eval()

    def __call__(self, frames: Sequence[Frame]) -> list[Boxes]:
        """Returns the boxes of each frame; all frames are one batch."""
        import torch

        if not frames:
            return []
        images = [
            torch.from_numpy(np.ascontiguousarray(frame.image_bgr[..., ::-1])) for frame in frames
        ]
        with torch.inference_mode():  # (H, W, 3) uint8 -> (3, H, W) in 0..1
            found = self.model([x.to(self.device).permute(2, 0, 1) / 255 for x in images])
        return [self.selection.boxes_of(one, self.classes) for one in found]


def _build(name: str, official: Any, weights: str | Path | None, selection: Selection) -> Any:
    from torchvision.models import get_model

    from mmpose.checkpoints.io import extract_state_dict, read_checkpoint
    from mmpose.checkpoints.load import naming

    # Below this score a model gives no box at all; R-CNNs have their own name for it.
    key = 'box_score_thresh' if 'rcnn' in name else 'score_thresh'
    threshold = {key: selection.score_threshold}
    if weights is None:
        try:
            return get_model(name, weights=official, **threshold)
        except OSError as error:  # no network; URLError is one
            raise OSError(
                f"the weights of '{name}' cannot be downloaded ({error}); fetch {official.url} "
                f"elsewhere and give the file: 'torchvision:{name}:FILE'"
            ) from None
    with naming(weights):
        state = extract_state_dict(read_checkpoint(weights))
    model = get_model(
        name, weights=None, weights_backbone=None,
        num_classes=len(official.meta['categories']), **threshold,
    )  # fmt: skip
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(
            f'{weights}: not the weights of {name} with the classes of COCO: {reason}'
        ) from None
    return model
