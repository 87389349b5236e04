"""Conversion of a checkpoint file to the names and the file layout of another code base."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmpose.checkpoint_tools.forward import (
    heatmaps_of_config,
    heatmaps_of_weights,
    largest_difference,
)
from mmpose.checkpoint_tools.source import Source, read_source
from mmpose.checkpoints.adapters.huggingface import huggingface_config
from mmpose.checkpoints.adapters.mmpose1x import UNFOLDED
from mmpose.checkpoints.convert import EXPORTERS
from mmpose.checkpoints.describe import Architecture
from mmpose.checkpoints.folder import CONFIG_FILE
from mmpose.checkpoints.formats import StateDict
from mmpose.checkpoints.io import checkpoint_sha256, read_checkpoint
from mmpose.checkpoints.model_folder import save_safetensors
from mmpose.metainfo import load_metainfo

TARGETS = tuple(EXPORTERS)
TOLERANCE = 1e-4  # of heatmaps, whose peaks are near 1
FOLDER_TARGET = 'huggingface'
SAFETENSORS = '.safetensors'


@dataclass(frozen=True)
class Conversion:
    """Result of a conversion.

    Attributes:
        source: What was read.
        target: File or folder that was written.
        sha256: Of the target.
        difference: Largest absolute difference of the heatmaps before and after.
        num_datasets: How many datasets the heatmaps were compared for.
        notes: What a user should know, one sentence each.
    """

    source: Source
    target: Path
    sha256: str
    difference: float
    num_datasets: int
    notes: tuple[str, ...]


def convert_checkpoint(
    source: str | Path,
    target: str | Path,
    to: str,
    config: str | Path | None = None,
    trust: bool = False,
) -> Conversion:
    """Writes a pose checkpoint in another format and compares the heatmaps before and after.

    Args:
        source: File or folder of any known code base.
        target: File to write; for 'huggingface' a folder.
        to: One of TARGETS.
        config: Config of the model. None builds it from the weights, which do not show the number
            of attention heads: that of the published model of their width is taken.

    Raises:
        ValueError: If the format cannot hold the model, the target exists, or the heatmaps of
            source and target differ by more than TOLERANCE.
    """
    read = read_source(source, trust, config)
    shape = read.require_pose_model()
    target = Path(target)
    _check_target(target, to)
    state, notes = EXPORTERS[to]({name: x.contiguous() for name, x in read.state.items()})
    notes = (*read.converted.notes, *notes)
    if shape.is_guess:
        note = (
            f'the number of attention heads is not visible in weights; {shape.num_heads} was '
            f'taken, as published for a width of {shape.embed_dim} (--config says it exactly)'
        )
        notes = (*notes, note)
    try:
        _write(read, state, shape, target, to)
        before, after = _heatmaps_of_both(read, target, shape, config, trust)
        difference = largest_difference(before, after)
        if not difference <= TOLERANCE:
            raise ValueError(
                f"the heatmaps of '{target}' differ from those of '{source}' by {difference:.3g}, "
                f'expected at most {TOLERANCE:g}; this is a defect, the target was removed'
            )
        if to == 'mmpose1x':
            _keep_unfolded(read, target)
    except BaseException:
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        raise
    return Conversion(read, target, checkpoint_sha256(target), difference, len(after), notes)


def _check_target(target: Path, to: str) -> None:
    if to not in EXPORTERS:
        raise ValueError(f"--to is '{to}', expected one of {', '.join(TARGETS)}")
    if target.exists():
        raise ValueError(f"'{target}' exists already; remove it or choose another name")
    wants_safetensors = to == 'safetensors'
    if to != FOLDER_TARGET and (target.suffix == SAFETENSORS) != wants_safetensors:
        suffix = SAFETENSORS if wants_safetensors else '.pth'
        raise ValueError(
            f"'{target}' does not fit --to {to}, expected a name that ends in {suffix}; for "
            'safetensors choose --to safetensors'
        )
    if to == FOLDER_TARGET and target.suffix in ('.pth', '.pt', '.bin', SAFETENSORS):
        raise ValueError(f"'{target}' looks like a file, but --to {to} writes a folder")


def _write(read: Source, state: StateDict, shape: Architecture, target: Path, to: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if to == FOLDER_TARGET:
        files = {
            CONFIG_FILE: huggingface_config(shape, _label_names(read, shape)),
            'preprocessor_config.json': _preprocessor_config(shape),
        }
        target.mkdir()
        save_safetensors(state, target / 'model.safetensors')
        for name, content in files.items():
            (target / name).write_text(json.dumps(content, indent=2) + '\n')
        return
    meta = plain_values(read.meta)
    if to == 'safetensors':
        meta = {'cfg': meta['cfg']} if isinstance(meta.get('cfg'), str) else {}
    save_weights(state, target, meta | {'source_sha256': read.sha256})


def save_weights(state: Mapping[str, Tensor], path: Path, meta: Mapping[str, Any]) -> None:
    """Writes weights and facts about them: ``.safetensors``, whose facts are texts, or ``.pth``.

    The tensors have memory of their own then: a file holds nothing of others.
    """
    if path.suffix == SAFETENSORS:
        save_safetensors(state, path, {key: str(value) for key, value in meta.items()})
    else:
        own = {name: x.detach().cpu().clone().contiguous() for name, x in state.items()}
        torch.save({'state_dict': own, 'meta': dict(meta)}, path)


def _keep_unfolded(read: Source, target: Path) -> None:
    """Adds the embedding that was folded, for the way back; after the check of what was folded."""
    pos = read.state['backbone.pos_embed']
    if pos[:, :1].any():
        content = read_checkpoint(target)
        content['meta'][UNFOLDED] = pos
        torch.save(content, target)


def _heatmaps_of_both(
    read: Source, target: Path, shape: Architecture, config: str | Path | None, trust: bool
) -> tuple[list[Tensor], list[Tensor]]:
    after = read_source(target, config=config)
    after_shape = after.require_pose_model()
    states = [(read.state, shape), (after.state, replace(shape, heads=after_shape.heads))]
    if len(after_shape.heads) < len(shape.heads):  # Hugging Face has the first head only
        first = {k: x for k, x in read.state.items() if not k.startswith('heads.')}
        first |= {k: x for k, x in read.state.items() if k.startswith('heads.0.')}
        states[0] = (first, replace(shape, heads=shape.heads[:1]))
    elif config is not None:
        before = heatmaps_of_config(config, read.path, trust)
        return before, heatmaps_of_config(config, target, trust=False)
    before, later = (heatmaps_of_weights(*pair) for pair in states)
    return before, later


def plain_values(value: Any) -> Any:
    """Returns a copy of a nested value with only text, numbers, lists and dicts in it."""
    if isinstance(value, dict):
        return {str(k): plain_values(v) for k, v in value.items() if _is_plain(v)}
    if isinstance(value, (list, tuple)):
        return [plain_values(v) for v in value if _is_plain(v)]
    return value


def _is_plain(value: Any) -> bool:
    return value is None or type(value) in (str, int, float, bool, dict, list, tuple)


def _label_names(read: Source, shape: Architecture) -> tuple[str, ...]:
    num_channels = shape.heads[0].out_channels
    metainfo = (read.model_config or {}).get('metainfo')
    if isinstance(metainfo, (list, tuple)) and metainfo:
        metainfo = metainfo[0]
    if isinstance(metainfo, str):
        names = load_metainfo(metainfo).keypoint_names
        if len(names) == num_channels:
            return names
    return tuple(f'LABEL_{i}' for i in range(num_channels))


def _preprocessor_config(shape: Architecture) -> dict[str, Any]:
    height, width = shape.input_hw
    return {
        'image_processor_type': 'VitPoseImageProcessor',
        'do_affine_transform': True,
        'do_normalize': True,
        'do_rescale': True,
        'rescale_factor': 1 / 255,
        'image_mean': [0.485, 0.456, 0.406],  # ImageNet's, of every published model
        'image_std': [0.229, 0.224, 0.225],
        'size': {'height': height, 'width': width},
    }
