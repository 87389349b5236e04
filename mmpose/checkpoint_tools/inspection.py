"""Inspection of a checkpoint: origin, sizes, config, and the command that tests it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from mmpose.checkpoint_tools.repository_configs import matching_configs
from mmpose.checkpoint_tools.source import Source, read_source
from mmpose.checkpoints.describe import Architecture, HeadShape
from mmpose.checkpoints.formats import first_names
from mmpose.checkpoints.io import local_copy
from mmpose.config.names import CONFIGS

MAX_CONFIGS = 6
WEIGHT_PARTS = ('state_dict', 'model', 'module', 'meta', 'huggingface_config')
META_KEYS = ('dataset', 'epoch', 'iter', 'seed', 'mmpose_version', 'split_from', 'time')


def inspect_checkpoint(path: str | Path, trust: bool = False, config_root: Path = CONFIGS) -> str:
    """Returns a description of a checkpoint, several lines.

    Args:
        path: File, folder or address of any known code base.
        config_root: Folder of the configs among which the fitting ones are looked for.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or refused, or belongs to a network we do not have.
    """
    source = read_source(path, trust)
    lines = [
        f'file: {path}',
        f'size: {_size_of(local_copy(path)) / 1e6:.1f} MB',
        f'sha256: {source.sha256}',
        f'format: {source.format_name}',
        *_training_lines(source),
    ]
    for why in dict.fromkeys(source.converted.dropped.values()):
        names = [name for name, reason in source.converted.dropped.items() if reason == why]
        lines.append(f'not used: {len(names)} tensors ({why}): {first_names(names, 3)}')
    lines += [f'note: {note}' for note in source.converted.notes]
    if source.shape is None:
        names = first_names(source.state, 3)
        return '\n'.join([*lines, f'model: unknown; its weights are {names}'])
    lines += [*_model_lines(source.shape), *_use_lines(source, source.shape, config_root)]
    return '\n'.join(lines)


def _size_of(local: str) -> int:
    if not os.path.isdir(local):
        return os.path.getsize(local)
    return sum(file.stat().st_size for file in Path(local).rglob('*') if file.is_file())


def _training_lines(source: Source) -> list[str]:
    lines = []
    known = [f'{key} {source.meta[key]}' for key in META_KEYS if key in source.meta]
    if known:
        lines.append(f'recorded: {", ".join(known)}')
    others = [name for name in source.parts if name not in WEIGHT_PARTS]
    if any(name in source.parts for name in WEIGHT_PARTS) and others:
        lines.append(
            f'also holds: {", ".join(others[:8])} (tools/publish_model.py leaves them out)'
        )
    return lines


def _model_lines(shape: Architecture) -> list[str]:
    name = f' (ViTPose {shape.size_name})' if shape.size_name else ''
    guess = ', a guess: weights do not show it' if shape.is_guess else ''
    grid_h, grid_w = shape.grid_hw
    height, width = shape.input_hw
    lines = [
        f'model: embed_dim {shape.embed_dim}, depth {shape.depth}, mlp_ratio {shape.mlp_ratio:g}'
        f'{name}; {shape.num_heads} attention heads{guess}',
        f'input: {height}x{width} (height x width), position grid {grid_h}x{grid_w}, patches of '
        f'{shape.patch_size}' + (', convolutional stem' if shape.stem == 'conv' else ''),
    ]
    if shape.num_experts:
        lines.append(f'experts: {shape.num_experts} of part_features {shape.part_features}')
    if shape.parse_graph:
        version = {'fuse': 'v1', 'guided': 'v2'}[shape.parse_graph['variant']]
        lines.append(f'language: PGVL {version}, model.parse_graph={shape.parse_graph}')
    for i, head in enumerate(shape.heads):
        index = f' {i}' if len(shape.heads) > 1 else ''
        lines.append(f'head{index}: {_head_words(head)}')
    return lines


def _head_words(head: HeadShape) -> str:
    if head.decoder == 'simple':
        return f'{head.out_channels} heatmaps, simple decoder (upsample {head.upsample})'
    channels = ', '.join(map(str, head.deconv_out_channels))
    return f'{head.out_channels} heatmaps, classic decoder (deconvolutions of {channels})'


def _use_lines(source: Source, shape: Architecture, config_root: Path) -> list[str]:
    path = shlex.quote(source.path)
    if not shape.heads:
        option = f'model.pretrained={source.path}'
        return [
            'use: a backbone without a head, to start a training from:',
            f'  python tools/train.py CONFIG --cfg-options {shlex.quote(option)}',
        ]
    lines = []
    if len(shape.heads) > 1 or shape.num_experts:
        lines += [
            'use: the model of several datasets; for the plain configs of each, first',
            f'  python tools/model_split.py --source {path}',
        ]
    hint = f'{Path(source.path).name} {source.meta.get("dataset", "")}'
    matches = matching_configs(shape, hint, config_root)
    if not matches:
        what = 'multi-dataset config' if lines else 'config'
        return [*lines, f'config: no {what} of the repository has this model']
    lines.append(f'config: {matches[0]}')
    lines += [f'  or {match}' for match in matches[1:MAX_CONFIGS]]
    if len(matches) > MAX_CONFIGS:
        lines.append(f'  and {len(matches) - MAX_CONFIGS} more')
    return [*lines, 'test:', f'  python tools/test.py {matches[0]} {path}']
