"""Heads of a new dataset whose categories have different keypoints: people, horses and hands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmpose.coco.category_choice import by_skeleton, of_categories
from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.new_annotations import is_labelled
from mmpose.dataset_tools.new_skeleton import lack_of_halves, propose_skeleton
from mmpose.structures import DatasetMeta


@dataclass
class NewHead:
    """One head of a new dataset.

    Attributes:
        name: Name of the category; of several with the same keypoints, that of what they share;
            empty where there is one head only.
        categories: Name and id of each; empty where there is one head only.
        skeleton: Proposed skeleton.
        notes: Sentences about what was guessed in it.
    """

    name: str
    categories: dict[str, int]
    skeleton: DatasetMeta
    notes: list[str]

    @property
    def suffix(self) -> str:
        """End of the stem of its table."""
        return f'_{self.name}' if self.name else ''


def propose_heads(path: Path, data: Json, notes: list[str]) -> list[NewHead]:
    """Returns a head for each list of keypoints under ``categories``.

    Args:
        path: The file, for messages.
        data: Its content.
        notes: Gets a sentence about everything that was guessed or left out.

    Raises:
        ValueError: If a category has another number of keypoints than it names.
    """
    groups = by_skeleton(data['categories'])
    kept = [group for group in groups if any(map(is_labelled, _own(data, group)))]
    if len(kept) < 2:
        return [NewHead('', {}, propose_skeleton(path, data, notes), notes)]
    chosen = [one['id'] for group in kept for one in group]
    for one in data['categories']:
        if one['id'] not in chosen:
            why = 'has no labelled annotation' if one.get('keypoints') else 'names no keypoints'
            notes.append(f"category '{_name_of(one)}' {why} and is left out")
    heads = []
    for group in kept:
        name = _group_name(group, [head.name for head in heads])
        own: list[str] = []
        part = {**data, 'categories': group, 'annotations': _own(data, group)}
        skeleton = propose_skeleton(path, part, own)
        notes += [f'{name}: {note}' for note in own]
        heads.append(NewHead(name, {_name_of(one): one['id'] for one in group}, skeleton, own))
    known = ', '.join(f'{head.name} ({head.skeleton.num_keypoints} keypoints)' for head in heads)
    notes.append(f'a head for each list of keypoints: {known}')
    return heads


def check_parts(parts: dict[str, Json], heads: Sequence[NewHead]) -> None:
    """Checks that each of several heads has something to learn from and to be evaluated on.

    Raises:
        ValueError: If not, or if a part has a category that no head is for.
    """
    known = {number for head in heads for number in head.categories.values()}
    for part, content in parts.items() if known else ():
        for head in heads:
            ids = list(head.categories.values())
            if not any(map(is_labelled, of_categories(content['annotations'], ids))):
                raise ValueError(
                    f"'{head.name}' has no labelled annotation among those for {part}; give "
                    'another --seed, a larger --val-share or another --val-ann'
                )
        others = {
            ann.get('category_id') for ann in content['annotations'] if is_labelled(ann)
        } - known
        if others:
            raise ValueError(
                f'annotations for {part} have keypoints and the categories {sorted(others)}, which '
                f'no head is for; the categories with heads are {sorted(known)}'
            )


def with_heads(content: Json, heads: Sequence[NewHead], tables: Sequence[str]) -> Json:
    """Returns the parts of a config of one dataset, changed where there are several heads.

    Args:
        content: As ``compose_config`` returns it.
        heads: The heads.
        tables: Their skeletons, as they are written into the config.
    """
    if len(heads) == 1:
        return content
    network = {**content['model'], 'type': 'MultiHeadPoseEstimator'}
    head = network.pop('head')
    network['names'] = Name('names')
    network['categories'] = [one.categories for one in heads]
    network['heads'] = [{**head, 'out_channels': one.skeleton.num_keypoints} for one in heads]
    evaluator = dict(type='PerDatasetMetric', names=Name('names'))
    evaluator['metrics'] = [content['val_evaluator'] for _ in heads]
    changed = {'metainfo': list(tables), 'val_evaluator': evaluator, 'model': network}
    for part in ('train', 'val'):
        loader = content[f'{part}_dataloader']
        datasets = [_part(loader['dataset'], i, one) for i, one in enumerate(heads)]
        combined = dict(type='CombinedDataset', datasets=datasets)
        changed[f'{part}_dataloader'] = {**loader, 'dataset': combined}
    found: Json = {}
    for key, value in content.items():
        found[key] = changed.get(key, value)
        if key == 'metainfo':
            found['names'] = [one.name for one in heads]
    return found


class Name(str):
    """Name of a variable, or another expression, in a config, written without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _part(dataset: Json, number: int, head: NewHead) -> Json:
    ids = list(head.categories.values())
    own = dict(metainfo=Name(f'metainfo[{number}]'), category=ids if ids[1:] else ids[0])
    pipeline = dataset['pipeline']
    if lack_of_halves(head.skeleton) and not dataset.get('test_mode'):
        steps = f"[step for step in {pipeline} if step['type'] != 'RandomHalfBody']"
        own['pipeline'] = Name(steps)
    return {**dataset, **own}


def _own(data: Json, categories: Sequence[Json]) -> list[Any]:
    return of_categories(data['annotations'], [one['id'] for one in categories])


def _name_of(category: Json) -> str:
    return str(category.get('name', category['id']))


def _group_name(group: Sequence[Json], taken: Sequence[str]) -> str:
    above = {one.get('supercategory') for one in group}
    name = _name_of(group[0]) if len(group) == 1 else str(above.pop() if len(above) == 1 else '')
    name = re.sub(r'\W+', '_', name or '_'.join(_name_of(one) for one in group[:3]))
    return name if name not in taken else f'{name}_{len(taken) + 1}'
