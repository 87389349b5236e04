"""Model card of published weights: data with their licences, metrics, code and use."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from mmpose.version import __version__

DEFAULT_LICENCE = 'Apache-2.0'
UNKNOWN = 'not recorded'
LICENCES = Path(__file__).with_name('dataset_licences.csv')
GENERATED = 'GENERATED.json'  # in a folder of toy_pose, which imitates other datasets
TASK, LIBRARY = 'keypoint-detection', 'mmpose'


class TrainingData(NamedTuple):
    """A dataset with its licence, as its home page has it; ``docs/datasets`` says the same."""

    name: str
    licence: str = 'unknown'
    source: str = UNKNOWN


def training_data(cfg: Mapping[str, Any]) -> list[TrainingData]:
    """Returns the datasets that a config trains on; one that is not ours has no known licence."""
    with LICENCES.open(encoding='utf-8') as file:
        known = {row.pop('pattern'): TrainingData(**row) for row in csv.DictReader(file)}
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    found = []
    for part in dataset.get('datasets', [dataset]):
        path = Path(part.get('data_root') or '', part.get('ann_file') or '')
        text = path.as_posix().lower()
        if Path(part.get('data_root') or '', GENERATED).is_file():
            found.append(TrainingData('generated', 'that of this package'))
        elif path.name:
            fits = (data for pattern, data in known.items() if re.search(pattern, text))
            found.append(next(fits, TrainingData(path.name)))
    return list(dict.fromkeys(found))


def model_card(
    name: str,
    rows: Mapping[str, Any],
    use: str,
    data: Sequence[TrainingData] = (),
    metrics: Mapping[str, float] = MappingProxyType({}),
    licence: str = DEFAULT_LICENCE,
) -> str:
    """Returns a model card: Markdown below a header (YAML) that the Hugging Face hub reads.

    Args:
        name: ``organisation/name``, or that of a file or folder.
        rows: Further facts; None is said to be not recorded.
        use: Code in a fence.
        data: What it was trained on.
        metrics: Such as ``coco/AP``, of the validation data.
        licence: Of the weights.
    """
    results = [
        {
            'task': {'type': TASK},
            'dataset': dict.fromkeys(('type', 'name'), key.partition('/')[0]),
            'metrics': [{'type': key.rpartition('/')[2], 'name': key, 'value': float(value)}],
        }
        for key, value in metrics.items()
    ]
    header = {
        'library_name': LIBRARY,
        'pipeline_tag': TASK,
        'license': licence.lower(),
        'tags': ['pose-estimation', TASK, LIBRARY],
        'datasets': [x.name for x in data if re.fullmatch(r'[\w.-]+', x.name)],
        'model-index': [{'name': name.rpartition('/')[2], 'results': results}] if results else [],
    }
    lines = ['---', *(f'{key}: {json.dumps(x)}' for key, x in header.items() if x), '---', '']
    rows = {'mmpose': __version__, **rows, 'licence': licence}
    rows |= {key: f'{value:.4g}' for key, value in metrics.items()}
    lines += [f'# {name}', '', '| | |', '| --- | --- |']
    lines += [f'| {key} | {UNKNOWN if value is None else value} |' for key, value in rows.items()]
    lines += ['', '## Data', '']
    lines += ['| dataset | licence | source |', '| --- | --- | --- |'] if data else [UNKNOWN]
    lines += [f'| {" | ".join(part)} |' for part in data]
    lines += ['', 'Licences of datasets as their pages said when they were looked up; they decide.']
    return '\n'.join([*lines, '', '## Use', '', use, ''])
