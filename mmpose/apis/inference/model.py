"""From a config and a checkpoint to a model that is ready to predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from mmcv_custom.checkpoint import load_model
from mmpose.apis.config import load_config
from mmpose.models import MultiHeadPoseEstimator, TopdownPoseEstimator
from mmpose.registry import MODELS


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    cfg_options: dict[str, Any] | None = None,
    dataset: str | None = None,
    trust_checkpoint: bool = False,
) -> TopdownPoseEstimator:
    """Returns a model in eval mode on a device; its config is at ``model.cfg``.

    Args:
        config: A config file, or a config.
        checkpoint: Loaded strictly, whatever code base it comes from. None leaves random weights.
        device: Such as ``cpu``, ``cuda`` or ``cuda:1``.
        cfg_options: Overrides by dotted key, as ``--cfg-options`` gives them.
        dataset: Which head of a model of several datasets, by its name; the first by default.
        trust_checkpoint: Whether the checkpoint may run code when it is read.
    """
    if isinstance(config, Config):
        cfg = config.copy()
        cfg.merge_from_dict(cfg_options or {})
    else:
        cfg = load_config(config, cfg_options, check=False)
    unwanted = {key: None for key in ('pretrained', 'pretrained_metainfo') if key in cfg.model}
    model = MODELS.build({**cfg.model, **unwanted})
    if checkpoint is not None:
        load_model(model, checkpoint, trust_checkpoint)
    if isinstance(model, MultiHeadPoseEstimator):
        model = model.single(dataset or model.names[0])
    elif dataset is not None:
        raise ValueError(f"dataset='{dataset}' chooses a head, but the model has only one")
    model.cfg = cfg
    return model.to(device).eval()
