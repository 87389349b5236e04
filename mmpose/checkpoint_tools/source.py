"""Source of a checkpoint tool: weights under our names and what is known of them."""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmpose.checkpoints.adapters.pretrained_vit import PRETRAIN_FORMATS
from mmpose.checkpoints.convert import FORMAT_NAMES
from mmpose.checkpoints.describe import Architecture, describe_weights
from mmpose.checkpoints.formats import Converted, StateDict, has_name
from mmpose.checkpoints.io import checkpoint_sha256, read_checkpoint
from mmpose.checkpoints.load import convert_content, naming
from mmpose.checkpoints.lora import fit_adapters
from mmpose.config.load import load_config
from mmpose.config.overrides import evaluate_literal


@dataclass(frozen=True)
class Source:
    """Content of a checkpoint file or folder.

    Attributes:
        path: As it was given.
        sha256: Of the file.
        converted: Weights under our names.
        shape: Their architecture; None if they are no vision transformer.
        meta: What a training run recorded beside the weights.
        parts: Names of everything that the file holds.
        model_config: Config of the model as it was given or recorded in the file, if any.
    """

    path: str
    sha256: str
    converted: Converted
    shape: Architecture | None
    meta: dict[str, Any]
    parts: tuple[str, ...]
    model_config: dict[str, Any] | None

    @property
    def state(self) -> StateDict:
        """Returns the weights under our names."""
        return self.converted.state

    @property
    def format_name(self) -> str:
        """Returns the code base in words."""
        return FORMAT_NAMES[self.converted.format]

    def require_pose_model(self) -> Architecture:
        """Returns the architecture of a pose model.

        Raises:
            ValueError: If the file is something else.
        """
        if self.shape is None or not self.shape.heads:
            what = 'a backbone without a head' if self.shape else 'no vision transformer'
            raise ValueError(
                f"'{self.path}' is {what} ({self.format_name}), expected a whole pose model; a "
                'backbone needs no conversion, set model.pretrained to it'
            )
        return self.shape


def read_source(path: str | Path, trust: bool = False, config: str | Path | None = None) -> Source:
    """Reads a checkpoint of any known code base.

    Args:
        path: File, folder or address.
        config: Config file of its model, which says what weights do not show; None takes what the
            file itself recorded.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or refused, belongs to a network we do not have, or is not of
            the config.
    """
    content = read_checkpoint(path, trust)
    meta = content.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    model_config = recorded_model_config(meta)
    if config is not None:
        model_config = load_config(config, check=False).model.to_dict()
    num_heads, input_hw = _known_sizes(content.get('huggingface_config'), model_config)
    asked_heads = num_heads if config is not None else None
    converted = convert_content(content, path, asked_heads)
    with naming(path):
        state, notes = fit_adapters(converted.state, {})
    converted = replace(converted, state=state, notes=(*converted.notes, *notes))
    is_pose = converted.format not in PRETRAIN_FORMATS
    shape = None
    # a backbone of a plugin has our names and an architecture of its own
    if converted.format != 'unknown' and has_name(converted.state, r'patch_embed\.|blocks\.'):
        with naming(path):
            shape = describe_weights(converted.state, is_pose, num_heads, input_hw)
    return Source(
        path=str(path),
        sha256=checkpoint_sha256(path),
        converted=converted,
        shape=shape,
        meta=meta,
        parts=tuple(map(str, content)),
        model_config=model_config,
    )


def recorded_model_config(meta: dict[str, Any]) -> dict[str, Any] | None:
    """Returns ``model`` of the config text that a training run kept; nothing of it is executed."""
    text = meta.get('cfg') or meta.get('config')
    if not isinstance(text, str):
        return None
    with suppress(SyntaxError, ValueError):
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == 'model':
                value = evaluate_literal(statement.value)
                return value if isinstance(value, dict) else None
    return None


def _known_sizes(
    huggingface_config: dict[str, Any] | None, model_config: dict[str, Any] | None
) -> tuple[int | None, tuple[int, int] | None]:
    """Returns the attention heads and the (h, w) input, as far as a config says them."""
    if model_config is not None:
        backbone = model_config.get('backbone') or {}
        num_heads, size = backbone.get('num_heads'), backbone.get('img_size')
    else:
        backbone = (huggingface_config or {}).get('backbone_config') or {}
        num_heads, size = backbone.get('num_attention_heads'), backbone.get('image_size')
    is_pair = isinstance(size, (list, tuple)) and len(size) == 2
    return num_heads, (int(size[0]), int(size[1])) if is_pair else None
