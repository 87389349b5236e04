"""Reports of migrations: the summary that a run prints, and a line per key for its user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmpose.config.migration.dialect import OURS, find_dialect, translator_of
from mmpose.config.migration.notes import MigrationNotes
from mmpose.structures.output_files import writing

KINDS = {
    'exact': 'exact',
    'inexact': 'not exact',
    'dropped': 'no effect',
    'refused': 'no counterpart',
}


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
            yield (
                f'{label:<15}{key} -> {how}'
                if kind in ('exact', 'inexact')
                else (f'{label:<15}{key}: {how}')
            )


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
    translated = translator_of(dialect)(cfg.to_dict(), notes)
    if not notes.refused:
        title = f'"""{Path(source).stem}, a config of {dialect}, in the words of this project."""\n'
        with writing(target, inputs=[source]):
            text = title + Config(translated).pretty_text
            Path(target).write_text(text, encoding='utf-8')
    return dialect, notes
