"""Splitting of a checkpoint of several datasets into plain models of one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mmpose.checkpoint_tools.convert_file import save_weights
from mmpose.checkpoint_tools.source import Source, read_source
from mmpose.checkpoints.adapters.vitpose_plus import num_experts as count_experts
from mmpose.checkpoints.formats import StateDict
from mmpose.checkpoints.heads import num_heads_of, select_dataset
from mmpose.structures.output_files import writing

# Datasets of the published models, and the rows of their final layers, in the order of experts and
# heads: ViTPose+ has all six, HAP and the multi-task models of ViTPose the first three.
PARTS = {'coco': 17, 'aic': 14, 'mpii': 16, 'ap10k': 17, 'apt36k': 17, 'wholebody': 133}
KNOWN_COUNTS = (3, 6)


@dataclass(frozen=True)
class SplitReport:
    """Files that a split has written.

    Attributes:
        source: What was split.
        files: Dataset -> the file with its model.
        notes: What a user should know, one sentence each.
    """

    source: Source
    files: dict[str, Path]
    notes: tuple[str, ...]


def split_checkpoint(
    source: str | Path, target: str | Path | None = None, trust: bool = False
) -> SplitReport:
    """Writes a plain checkpoint for each dataset of a checkpoint of several.

    Experts are merged into fc2, the dataset's head becomes the head and is cut to its keypoints,
    and nothing else is kept, so that the plain configs load the files strictly.

    Args:
        source: ViTPose+, HAP or multi-task checkpoint of any known code base.
        target: Folder; None takes that of the source.

    Raises:
        ValueError: If there is nothing to split, or experts and heads do not fit the datasets.
    """
    read = read_source(source, trust)
    read.require_pose_model()
    parts, notes = plan_split(read)
    folder = Path(source).parent if target is None else Path(target)
    if target is None and Path(source).is_dir():
        folder = Path(source)
    states: dict[Path, StateDict] = {}
    for index, (name, num_keypoints) in enumerate(parts.items()):
        path = folder / f'{name}.pth'
        if path.resolve() == Path(source).resolve():
            raise ValueError(
                f"the model of '{name}' would overwrite the source '{source}'; set --target to "
                'another folder'
            )
        states[path] = select_dataset(read.state, index, num_keypoints)
    origin = {'split_from': Path(read.path).name, 'source_sha256': read.sha256}
    with writing(*states, inputs=[source]):
        folder.mkdir(parents=True, exist_ok=True)
        for path, state in states.items():
            save_weights(state, path, {'dataset': path.stem, **origin})
    return SplitReport(read, {path.stem: path for path in states}, notes)


def plan_split(source: Source) -> tuple[dict[str, int | None], tuple[str, ...]]:
    """Returns the datasets of a checkpoint in the order of its experts and heads, and notes.

    With each come the rows of its final layer, or None if the head has no others.

    Raises:
        ValueError: If there is nothing to split, or their number is none that was published.
    """
    num_experts, num_heads = count_experts(source.state), num_heads_of(source.state)
    number = num_experts or num_heads
    what = f"'{source.path}' ({source.format_name})"
    if number == 1:
        left = any('left over' in why for why in source.converted.dropped.values())
        why = 'it is split already' if left else 'it has neither experts nor several heads'
        raise ValueError(
            f'{what} is the model of one dataset: {why}, there is nothing to split, load it as it '
            'is'
        )
    names = _recorded_names(source, number)
    if number not in KNOWN_COUNTS and not names:
        counts = f'{num_experts} experts' if num_experts else f'{num_heads} heads'
        raise ValueError(
            f'{what} has {counts}, expected 3 (coco, aic, mpii) or 6 (and ap10k, apt36k, '
            'wholebody); which dataset each belongs to is not known'
        )
    rows = dict.fromkeys(names) if names else PARTS
    parts: dict[str, int | None] = dict(islice(rows.items(), number))
    if num_experts and num_heads == 1:
        first, *others = parts
        note = (
            f'the file has the head of {first} only (as those of Hugging Face), so that '
            f'{", ".join(others)} cannot be written'
        )
        return {first: parts[first]}, (note,)
    if num_heads != number:
        raise ValueError(
            f'{what} has {num_experts} experts but {num_heads} heads, expected one head per '
            'expert; the heads of some datasets are missing'
        )
    note = 'multi-task model without experts: all files share one backbone'
    return parts, () if num_experts else (note,)


def _recorded_names(source: Source, number: int) -> tuple[str, ...]:
    """Returns the names that a training run of this package gave its datasets, if it did."""
    names = (source.model_config or {}).get('names')
    if not isinstance(names, (list, tuple)) or len(names) != number:
        return ()
    is_safe = all(isinstance(name, str) and re.fullmatch(r'[\w+-]+', name) for name in names)
    return tuple(names) if is_safe else ()
