"""Crop rule of a config's validation pipeline, and another input size for its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

STEPS = ('LoadImage', 'GetBBoxCenterScale', 'TopdownAffine')  # that ``crop_image`` does as well
IDLE_STEPS = ('GenerateTarget', 'PackPoseInputs')


@dataclass(frozen=True)
class CropRule:
    """Padding and aspect of the crops of a validation pipeline.

    Attributes:
        padding: Factor on both sides of the box.
        stretch: Whether windows keep the shape of the box (square for MPII) and are stretched to
            the crop; otherwise they grow to its aspect ratio.
    """

    padding: float = 1.25
    stretch: bool = False

    @classmethod
    def from_config(cls, cfg: Config, dataset: str | None = None) -> CropRule:
        """Returns the rule of a config.

        Args:
            cfg: With a ``val_dataloader``, ``test_dataloader`` or ``val_pipeline``; without any of
                them the rule is that of the literature.
            dataset: Which dataset of a mixture, by its name; the first by default.

        Raises:
            ValueError: If the pipeline has another step than those of ours.
        """
        pipeline = _pipeline(cfg, dataset)
        if pipeline is None:
            return cls()
        steps = {step['type']: step for step in pipeline if step['type'] not in IDLE_STEPS}
        unknown = [name for name in steps if name not in (*STEPS, 'AddCondition')]
        missing = [name for name in STEPS if name not in steps]
        if unknown or missing:
            raise ValueError(
                f'inference cuts crops as {", ".join(STEPS)} do, but the val pipeline of '
                f'{cfg.filename or "the config"} has {", ".join(steps)}; set '
                'val_dataloader.dataset.pipeline to these three'
            )
        if steps.get('AddCondition', {}).get('kind') == 'mask':
            raise ValueError(
                'inference has boxes and no masks, but the val pipeline of '
                f"{cfg.filename or 'the config'} has AddCondition with kind='mask'; train with its "
                "bbox_prob above 0, and set kind='bbox' in val_dataloader.dataset.pipeline"
            )
        return cls(
            padding=steps['GetBBoxCenterScale'].get('padding', 1.25),
            stretch=not steps['TopdownAffine'].get('fix_aspect', True),
        )


def _pipeline(cfg: Config, dataset: str | None) -> list[Mapping[str, Any]] | None:
    loader = cfg.get('val_dataloader') or cfg.get('test_dataloader')
    if loader is None:
        return cfg.get('val_pipeline')
    part = loader['dataset']
    if 'datasets' in part:
        names = list(cfg.model.get('names') or ())
        part = part['datasets'][names.index(dataset) if dataset in names else 0]
    return part.get('pipeline')


def set_input_size(cfg: Config, input_size: tuple[int, int]) -> None:
    """Gives the model of a config crops of another size, with heatmaps that grow along.

    Args:
        cfg: Changed in place.
        input_size: Width and height, px: multiples of the patch size.

    Raises:
        ValueError: If they are not, or the backbone takes no size.
    """
    backbone = cfg.model.backbone
    width, height = (int(size) for size in input_size)
    if 'img_size' not in backbone:
        raise ValueError(
            f'backbone {backbone.type} has no img_size, so its crops cannot have another size'
        )
    patch = backbone.get('patch_size', 16)
    if min(width, height) < patch or width % patch or height % patch:
        raise ValueError(
            f'the input size is {width}x{height} px (width x height), expected multiples of the '
            f'patch size {patch}'
        )
    backbone.img_size = (height, width)
    heads = cfg.model.heads if 'heads' in cfg.model else [cfg.model.head]
    for head in heads:
        codec = head.get('decoder')
        if codec is None:  # no heatmaps
            head.input_size = (width, height)
            continue
        sizes = zip((width, height), codec.heatmap_size, codec.input_size, strict=True)
        codec.heatmap_size = tuple(new * cells // old for new, cells, old in sizes)
        codec.input_size = (width, height)
