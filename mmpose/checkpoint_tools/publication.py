"""Publication of a checkpoint: weights only, a hash in the name, and a model card."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.utils import get_git_hash
from torch import Tensor

from mmpose.checkpoint_tools.convert_file import SAFETENSORS, plain_values, save_safetensors
from mmpose.checkpoint_tools.source import Source, read_source
from mmpose.checkpoints.io import checkpoint_sha256, extract_state_dict, read_checkpoint
from mmpose.config.load import read_config
from mmpose.structures.output_files import writing
from mmpose.visualization import read_scalars

HASH_DIGITS = 8
EMA_KEY = 'ema_state_dict'
EMA_PREFIX = 'module.'
KEPT_META = ('epoch', 'iter', 'seed', 'cfg', 'dataset_meta', 'mmpose_version', 'time')
DEFAULT_LICENCE = 'Apache-2.0'
UNKNOWN = 'not recorded'


@dataclass(frozen=True)
class Card:
    """Entries of a model card; None if nobody said it.

    Attributes:
        config: Config file, as a command names it.
        dataset: Data that the model was trained on.
        metric: Value with its name.
        commit: Commit of the code that trained it.
        licence: Under which the weights are given away.
    """

    config: str | None = None
    dataset: str | None = None
    metric: str | None = None
    commit: str | None = None
    licence: str = DEFAULT_LICENCE


@dataclass(frozen=True)
class Publication:
    """Files of a published checkpoint.

    Attributes:
        weights: File with the weights.
        card: Markdown file beside it.
        sha256: Of the weights file.
        left_out: Names of what the source holds besides weights.
    """

    weights: Path
    card: Path
    sha256: str
    left_out: tuple[str, ...]


def publish_checkpoint(
    source: str | Path, target: str | Path, card: Card, ema: bool | None = None, trust: bool = False
) -> Publication:
    """Writes the weights of a training checkpoint for others, and a model card.

    Args:
        source: Checkpoint of a run.
        target: ``NAME.pth`` or ``NAME.safetensors``; eight digits of the hash are added to the
            name.
        card: What the user says of the model; the rest is taken from the run.
        ema: True takes the averaged weights of an ``EMAHook``, False the last trained ones; None
            takes those that tools/test.py evaluates, which are the averaged ones if there are any.

    Raises:
        ValueError: If there are no weights of the kind asked for, or the name has another ending.
    """
    target = Path(target)
    if target.suffix not in ('.pth', SAFETENSORS):
        raise ValueError(f"'{target}' names no weights; it has to end in .pth or {SAFETENSORS}")
    read = read_source(source, trust)
    content = read_checkpoint(source, trust)
    state = choose_weights(content, ema, str(source))
    is_averaged = EMA_KEY in content and ema is not False
    kept = {key: value for key, value in plain_values(read.meta).items() if key in KEPT_META}
    meta = kept | {'source_sha256': read.sha256, 'averaged': is_averaged}
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f'weights.part{target.suffix}')
    if target.suffix == SAFETENSORS:
        text = {key: str(value) for key, value in meta.items()}
        save_safetensors(state, part, text)
    else:
        own = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
        torch.save({'state_dict': own, 'meta': meta}, part)
    sha256 = checkpoint_sha256(part)
    final = target.with_name(f'{target.stem}-{sha256[:HASH_DIGITS]}{target.suffix}')
    card_file = final.with_suffix('.md')
    text = write_card(read, card, final.name, sha256, is_averaged)
    with writing(card_file, final, inputs=[source]):
        os.replace(part, final)
        card_file.write_text(text, encoding='utf-8')
    left_out = tuple(x for x in content if x not in ('state_dict', 'model', 'module', 'meta'))
    is_bare = not any(key in content for key in ('state_dict', 'model', 'module'))
    return Publication(final, card_file, sha256, () if is_bare else left_out)


def choose_weights(content: dict[str, Any], ema: bool | None, path: str) -> dict[str, Tensor]:
    """Returns the averaged or the last trained weights of a checkpoint.

    mmengine's ``EMAHook`` swaps the two as it saves: the averaged weights are under 'state_dict',
    the trained ones under 'ema_state_dict' with a prefix.

    Args:
        content: What the file holds.
        ema: True for the averaged, False for the trained ones, None for those under 'state_dict'.

    Raises:
        ValueError: If averaged weights are asked for and there are none.
    """
    state = extract_state_dict(content)
    swapped = content.get(EMA_KEY)
    if ema and not isinstance(swapped, dict):
        raise ValueError(
            f"'{path}' has no averaged weights ('{EMA_KEY}'); omit --ema, or train with "
            "custom_hooks=[dict(type='EMAHook')]"
        )
    if ema is not False or not isinstance(swapped, dict):
        return state
    trained = {
        name.removeprefix(EMA_PREFIX): tensor
        for name, tensor in swapped.items()
        if name.startswith(EMA_PREFIX) and isinstance(tensor, Tensor)
    }
    return state | {name: tensor for name, tensor in trained.items() if name in state}


def write_card(read: Source, card: Card, name: str, sha256: str, is_averaged: bool) -> str:
    """Returns the model card, Markdown."""
    rows = {
        'config': card.config,
        'dataset': card.dataset or _recorded_dataset(read, card.config),
        'metric': card.metric or _recorded_metric(read),
        'commit': card.commit or _recorded_commit(read),
        'licence': card.licence,
        'epoch': read.meta.get('epoch'),
        'weights': 'averaged (EMA)' if is_averaged else 'as trained',
        'format': read.format_name,
        'model': _model_words(read),
        'sha256': sha256,
    }
    lines = [f'# {name}', '', '| | |', '| --- | --- |']
    lines += [f'| {key} | {UNKNOWN if value is None else value} |' for key, value in rows.items()]
    if card.config is not None:
        lines += ['', '```bash', f'python tools/test.py {card.config} {name}', '```']
    return '\n'.join(lines) + '\n'


def _recorded_dataset(read: Source, config: str | None) -> str | None:
    if config is not None:
        dataset = read_config(config).get('train_dataloader', {}).get('dataset', {})
        parts = dataset.get('datasets', [dataset])
        names = [f'{x.get("type")} ({x.get("ann_file")})' for x in parts if x.get('ann_file')]
        if names:
            return ', '.join(names)
    name = read.meta.get('dataset') or read.meta.get('dataset_meta')
    return str(name) if name else None


def _recorded_metric(read: Source) -> str | None:
    """Returns the validation metrics that the run logged for the epoch of the checkpoint."""
    epoch = read.meta.get('epoch')
    folder = Path(read.path).parent
    if epoch is None or not folder.is_dir():
        return None
    found: dict[str, Any] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for record in read_scalars(path):
            if 'loss' not in record and record.get('step') == epoch:
                found |= {k: v for k, v in record.items() if '/' in k}
    return ', '.join(f'{key} {value:.4g}' for key, value in found.items()) or None


def _recorded_commit(read: Source) -> str | None:
    files = sorted(Path(read.path).parent.glob('*/environment.txt'))
    for line in files[-1].read_text().splitlines() if files else ():
        if line.startswith('git: '):
            return line.removeprefix('git: ')
    now = get_git_hash(fallback='')
    return f'{now} (of the code that published it)' if now else None


def _model_words(read: Source) -> str | None:
    if read.shape is None:
        return None
    height, width = read.shape.input_hw
    heads = ', '.join(f'{head.out_channels} heatmaps' for head in read.shape.heads) or 'no head'
    return (
        f'embed_dim {read.shape.embed_dim}, depth {read.shape.depth}, input {height}x{width} '
        f'(height x width), {heads}'
    )
