"""Skeleton proposal for a file in COCO's layout; skeleton tables from files of MMPose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmpose.coco.category_choice import by_skeleton
from mmpose.coco.json_fields import Json
from mmpose.metainfo import load_metainfo
from mmpose.metainfo.info_dict import meta_from_info, meta_table, read_info
from mmpose.metainfo.keypoint_names import (
    body_half,
    find_partners,
    is_of_head,
    parse_name,
    parse_names,
)
from mmpose.structures import DatasetMeta

MIN_HALF = 3  # keypoints of a half of the body
NEUTRAL_SIGMA = 0.06  # about the mean of COCO's seventeen
COLORS = {'left': (0, 255, 0), 'right': (255, 128, 0), '': (51, 153, 255)}


def propose_skeleton(path: Path, data: Json, notes: list[str]) -> DatasetMeta:
    """Returns a skeleton for the content of a file in COCO's layout.

    Args:
        path: The file, for messages.
        notes: Gets a sentence about everything that was guessed.

    Raises:
        ValueError: If its categories have different keypoints, or nothing has any.
    """
    num = _num_keypoints(path, data)
    category = _category(path, data, num, notes)
    names = _names(category, num, notes)
    partners = find_partners(names)
    pairs = sum(j > i for i, j in enumerate(partners))
    notes.append(
        f'{pairs} left/right pairs were found in the names'
        if pairs
        else 'no left/right pair was found in the names: a flip leaves every keypoint what it is; '
        'if that is wrong, fill in the column swap of the table'
    )
    info: Json = {'dataset_name': path.stem, 'sigmas': _sigmas(names, notes)}
    parsed = parse_names(names)
    info['keypoint_info'] = {
        i: dict(name=names[i], swap=names[j], type=body_half(name), color=COLORS[name.side])
        for i, (name, j) in enumerate(zip(parsed, partners, strict=True))
    }
    info['skeleton_info'] = {}
    for i, (a, b) in enumerate(_skeleton_links(path, category, names, notes)):
        sides = {parsed[a].side, parsed[b].side} - {''}
        color = COLORS[sides.pop() if len(sides) == 1 else '']
        info['skeleton_info'][i] = dict(link=(names[a], names[b]), color=color)
    proposed = meta_from_info(info)
    if reason := lack_of_halves(proposed):
        notes.append(
            f'{reason}, so the config has no half-body augmentation, which would show that part '
            'alone; fill in the column part of the table and add RandomHalfBody if there is an '
            'upper body'
        )
    return proposed


def lack_of_halves(dataset_meta: DatasetMeta) -> str:
    """Returns why half-body augmentation would not mean what it says; '' where it would."""
    upper = [dataset_meta.keypoint_names[i] for i in dataset_meta.upper_body_ids]
    num = dataset_meta.num_keypoints
    if not upper:
        return 'no name is of an upper body'
    if all(is_of_head(parse_name(name)) for name in upper):
        return f'the only names of an upper body are of the head ({", ".join(upper)})'
    if min(len(upper), num - len(upper)) < MIN_HALF:
        return f'{len(upper)} of {num} keypoints are of an upper body'
    return ''


def migrate_skeleton(source: str, out: str, overwrite: bool = False) -> str:
    """Writes the table of a skeleton of MMPose, and returns a sentence about it.

    Args:
        source: Python file with a ``dataset_info`` or ``METAINFO`` dict.
        out: The table.
        overwrite: Whether to replace a table that is there.

    Raises:
        FileExistsError: If there is a table.
        ValueError: If the file has no skeleton, or the table has no ``.csv`` name.
    """
    path = Path(out)
    if path.suffix.lower() != '.csv':
        raise ValueError(f'{path}: a skeleton table is a .csv file')
    if path.exists() and not overwrite:
        raise FileExistsError(f'{path} exists; --overwrite replaces it')
    info = read_info(source)
    paper = {key: str(value) for key, value in (info.get('paper_info') or {}).items()}
    comment = ''.join(f'# {key}: {" ".join(value.split())}\n' for key, value in paper.items())
    meta = replace(meta_from_info(info), name=path.stem)
    path.write_text(meta_table(meta, f'# Skeleton of {Path(source).name}.\n{comment}'), 'utf-8')
    if load_metainfo(path) != meta:
        raise ValueError(f'{path} does not say the same as {source}; this is a fault of this tool')
    num_pairs = sum(j > i for i, j in enumerate(meta.flip_indices))
    sigmas = 'no sigmas' if meta.sigmas is None else 'sigmas'
    return (
        f'{path}: {meta.num_keypoints} keypoints, {num_pairs} pairs of left and right, '
        f'{len(meta.skeleton_links)} links, {sigmas}'
    )


def _num_keypoints(path: Path, data: Json) -> int:
    ann = next((ann for ann in data['annotations'] if ann.get('keypoints')), None)
    if ann is None:
        raise ValueError(f'{path}: no annotation has keypoints; this layout needs them')
    num, rest = divmod(len(ann['keypoints']), 3)
    if rest:
        raise ValueError(
            f'{path}: annotation {ann.get("id")} has {len(ann["keypoints"])} numbers in keypoints, '
            'expected x, y and visibility of each'
        )
    return num


def _category(path: Path, data: Json, num: int, notes: list[str]) -> Json:
    """Returns the category that describes the keypoints; an empty one if none does."""
    listed, skeletons = data['categories'], by_skeleton(data['categories'])
    if len(skeletons) > 1:
        (first, *_), (second, *_) = skeletons[:2]
        raise ValueError(
            f"{path}: categories '{first.get('name')}' and '{second.get('name')}' have different "
            'keypoints, but only one of them has labelled annotations; remove the other under '
            'categories'
        )
    category: Json = skeletons[0][0] if skeletons else {}
    if category and len(category['keypoints']) != num:
        raise ValueError(
            f"{path}: category '{category.get('name')}' names {len(category['keypoints'])} "
            f'keypoints but the annotations have {num}; fix the list under categories'
        )
    if len(listed) > 1:
        names = [str(category.get('name', category.get('id'))) for category in listed]
        shown = ', '.join(names[:10]) + (', ...' if len(names) > 10 else '')
        notes.append(f'{len(listed)} categories share one skeleton: {shown}')
    return category


def _names(category: Json, num: int, notes: list[str]) -> list[str]:
    if not category:
        notes.append(
            f'the file names no keypoints, so they are called k0 to k{num - 1}; rename them in '
            'the table, and fill in swap and part'
        )
        return [f'k{i}' for i in range(num)]
    names: list[str] = []
    for given in map(str, category['keypoints']):
        # The table is separated by commas, and '-' stands for no partner.
        clean = re.sub(r'[\s,]+', '_', given.strip()).lstrip('#[') or 'keypoint'
        clean = 'keypoint' if clean == '-' else clean
        name, count = clean, 1
        while name in names:
            count += 1
            name = f'{clean}_{count}'
        if name != given:
            notes.append(f"keypoint '{given}' is called '{name}' in the table")
        names.append(name)
    return names


def _sigmas(names: Sequence[str], notes: list[str]) -> list[float]:
    coco = load_metainfo('coco')
    assert coco.sigmas is not None
    known = {
        parse_name(name).key: round(float(sigma), 4)
        for name, sigma in zip(coco.keypoint_names, coco.sigmas, strict=True)
    }
    if all(parse_name(name).key in known for name in names):
        notes.append('the sigmas are those of COCO, which has all these keypoints')
        return [known[parse_name(name).key] for name in names]
    notes.append(
        f'the sigmas are neutral ({NEUTRAL_SIGMA:g} for all), because COCO does not have all these '
        'keypoints: AP compares runs on this dataset, and nothing else'
    )
    return [NEUTRAL_SIGMA] * len(names)


def _skeleton_links(
    path: Path, category: Json, names: Sequence[str], notes: list[str]
) -> list[tuple[int, int]]:
    pairs = category.get('skeleton') or []
    if not pairs:
        return _links_of_coco(names, notes)
    ids = [i for pair in pairs for i in pair]
    first = 1
    if 0 in ids:
        first = 0
        notes.append('the skeleton counts keypoints from 0 (COCO counts from 1)')
    skeleton_links = [(int(pair[0]) - first, int(pair[1]) - first) for pair in pairs]
    for pair, link in zip(pairs, skeleton_links, strict=True):
        if not all(0 <= i < len(names) for i in link):
            raise ValueError(
                f'{path}: the skeleton has the link {pair}, but there are {len(names)} keypoints; '
                'fix the skeleton under categories'
            )
    return skeleton_links


def _links_of_coco(names: Sequence[str], notes: list[str]) -> list[tuple[int, int]]:
    coco = load_metainfo('coco')
    place = {parse_name(name).key: i for i, name in enumerate(names)}
    keys = [parse_name(name).key for name in coco.keypoint_names]
    ends = [(keys[a], keys[b]) for a, b in coco.skeleton_links.tolist()]
    skeleton_links = [(place[a], place[b]) for a, b in ends if a in place and b in place]
    notes.append(
        f'the file has no skeleton; {len(skeleton_links)} links of COCO connect keypoints of '
        'these names'
        if skeleton_links
        else 'the file has no skeleton, so pictures show dots only; add rows under [skeleton_links]'
    )
    return skeleton_links
