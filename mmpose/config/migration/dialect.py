"""Dialects of configs: MMPose 0.x, MMPose 1.x and ours; recognition, translation, reports on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmpose.config.merge import walk
from mmpose.config.migration.notes import MigrationNotes
from mmpose.config.migration.v0 import translate_v0
from mmpose.config.migration.v1 import translate_v1
from mmpose.structures.output_files import writing

OURS, V1, V0 = 'ours', 'MMPose 1.x', 'MMPose 0.x'
# top-level keys that only MMPose 0.x has
_KEYS_0 = {'data_cfg', 'channel_cfg', 'checkpoint_config', 'lr_config', 'optimizer_config',
           'total_epochs', 'log_config', 'evaluation', 'dist_params'}  # fmt: skip
_TYPES_0 = {'TopDown', 'TopDownMoE', 'PGVL'}
# types that no config of ours names
_TYPES_1 = {'BadCaseAnalysisHook', 'MultiSourceSampler', 'PoseVisualizationHook',
            'SyncBuffersHook', 'VisionTransformer'}  # fmt: skip
KINDS = {
    'exact': 'exact', 'inexact': 'not exact', 'dropped': 'no effect', 'refused': 'no counterpart',
}  # fmt: skip
_SCOPES = ('mmpretrain.', 'mmcls.', 'mmdet.')


def find_dialect(cfg: Mapping[str, Any]) -> str:
    """Returns ``MMPose 0.x``, ``MMPose 1.x`` or ``ours``, by what only one of them has.

    Args:
        cfg: A whole config, composed.

    Raises:
        ValueError: If ``model`` or ``train_cfg`` is no dict.
    """
    model, train_cfg = (cfg.get(key) or {} for key in ('model', 'train_cfg'))
    for key, part in (('model', model), ('train_cfg', train_cfg)):
        if not isinstance(part, Mapping):
            raise ValueError(f'{key} is {part!r:.99}, expected a dict; fix it in the config')
    model_type = str(model.get('type'))
    if _KEYS_0 & set(cfg) or model_type in _TYPES_0:
        return V0
    if isinstance(model.get('metainfo'), (str, list, tuple)):  # there it is a dict, if at all
        return OURS
    if train_cfg.get('by_epoch'):
        return V1
    return V1 if any(_is_of_1x(part) for _, part in walk(cfg)) else OURS


def _is_of_1x(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return False
    kind = str(part.get('type', ''))
    if kind.startswith(_SCOPES) or kind.rpartition('.')[2] in _TYPES_1:
        return True
    return 'data_mode' in part and ('ann_file' in part or 'datasets' in part)


def translate(dialect: str, cfg: dict[str, Any], notes: MigrationNotes) -> dict[str, Any]:
    """Returns a composed config of MMPose in our words; with ``refused`` notes it is incomplete.

    Raises:
        ValueError: If a part of it is not what MMPose takes there.
    """
    try:
        return {V1: translate_v1, V0: translate_v0}[dialect](cfg, notes)
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f'a part of the config near {notes.last} is not as {dialect} has it '
            f'({type(error).__name__}: {error}); compare it with a published config'
        ) from error


def summary(dialect: str, notes: MigrationNotes) -> str:
    """Returns what a run says of a migration: how much is exact, and each thing that is not."""
    inexact = [f'  {key} -> {how}' for key, how in notes.inexact.items()]
    head = (
        f'config of {dialect}, translated: {len(notes.exact)} keys exact, {len(notes.dropped)} '
        f'without effect, {len(inexact)} not exact'
    )
    return '\n'.join([head + (':' if inexact else ''), *inexact])


def report_lines(notes: MigrationNotes) -> Iterator[str]:
    """Yields a line per key of the foreign config, what is exact first."""
    for kind, label in KINDS.items():
        for key, how in getattr(notes, kind).items():
            arrow = ' ->' if kind in ('exact', 'inexact') else ':'
            yield f'{label:<15}{key}{arrow} {how}'


def migrate_file(source: str | Path, cfg: Config, target: str | Path) -> tuple[str, MigrationNotes]:
    """Writes a foreign config in our words, unless something in it has no counterpart.

    Args:
        source: Its file, which is named at the top of the new one.
        cfg: What the file holds, composed.
        target: Path of the new file.

    Returns:
        The dialect, and what became of each key. With ``refused`` ones nothing is written.

    Raises:
        FileExistsError: If the new file exists and no command of this project has made it.
        ValueError: If it is a config of ours.
    """
    dialect = find_dialect(cfg)
    if dialect == OURS:
        raise ValueError(f'{source} is in the words of this project; there is nothing to migrate')
    notes = MigrationNotes()
    translated = translate(dialect, cfg.to_dict(), notes)
    if not notes.refused:
        title = f'"""{Path(source).stem}, a config of {dialect}, in the words of this project."""\n'
        with writing(target, inputs=[source]):
            text = title + Config(translated).pretty_text
            Path(target).write_text(text, encoding='utf-8')
    return dialect, notes
