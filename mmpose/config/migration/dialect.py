"""Dialects of configs: MMPose 0.x, MMPose 1.x and ours; recognition and translation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mmpose.config.migration.notes import MigrationNotes
from mmpose.config.migration.v1 import translate_v1

Config = dict[str, Any]

OURS, V1, V0 = 'ours', 'MMPose 1.x', 'MMPose 0.x'
# top-level keys that only MMPose 0.x has
_KEYS_0 = {'data_cfg', 'channel_cfg', 'checkpoint_config', 'lr_config', 'optimizer_config',
           'total_epochs', 'log_config', 'evaluation', 'dist_params'}  # fmt: skip
_TYPES_0 = {'TopDown', 'TopDownMoE', 'PGVL'}
# types that no config of ours names
_TYPES_1 = {'BadCaseAnalysisHook', 'MultiSourceSampler', 'PoseVisualizationHook',
            'SyncBuffersHook', 'VisionTransformer'}  # fmt: skip
_SCOPES = ('mmpretrain.', 'mmcls.', 'mmdet.')


def find_dialect(cfg: Mapping[str, Any]) -> str:
    """Returns ``MMPose 0.x``, ``MMPose 1.x`` or ``ours``, by what only one of them has.

    Args:
        cfg: A whole config, composed.
    """
    model = cfg.get('model') or {}
    model_type = model.get('type')
    if _KEYS_0 & set(cfg) or model_type in _TYPES_0:
        return V0
    if isinstance(model.get('metainfo'), (str, list, tuple)):  # there it is a dict, if at all
        return OURS
    if (cfg.get('train_cfg') or {}).get('by_epoch'):
        return V1
    return V1 if any(_is_of_1x(part) for part in _parts(dict(cfg.items()))) else OURS


def _is_of_1x(part: Mapping[str, Any]) -> bool:
    kind = str(part.get('type', ''))
    if kind.startswith(_SCOPES) or kind.rpartition('.')[2] in _TYPES_1:
        return True
    return 'data_mode' in part and ('ann_file' in part or 'datasets' in part)


def _parts(node: Any) -> Iterator[Mapping[str, Any]]:
    """Yields each dict in a config."""
    if isinstance(node, Mapping):
        yield node
    children = node.values() if isinstance(node, Mapping) else node
    for child in children:
        if isinstance(child, (Mapping, list, tuple)):
            yield from _parts(child)


def check_refusals(dialect: str, notes: MigrationNotes) -> None:
    """Raises a ValueError that names each key without a counterpart, if there are any."""
    if notes.refused:
        reasons = '; '.join(f'{key} {why}' for key, why in notes.refused.items())
        raise ValueError(f'this config of {dialect} cannot be run here: {reasons}')


def translator_of(dialect: str) -> Callable[[Config, MigrationNotes], Config]:
    """Returns what translates a dialect."""
    if dialect == V1:
        return translate_v1
    from mmpose.config.migration.v0 import translate_v0

    return translate_v0
