"""Skeleton proposal for a file in COCO's layout, and its table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmpose.metainfo import load_metainfo
from mmpose.metainfo.info_dict import meta_from_info, meta_table, read_info, table_text
from mmpose.metainfo.keypoint_names import (
    body_half,
    find_partners,
    is_of_head,
    parse_name,
    parse_names,
)

MIN_HALF = 3  # keypoints of a half of the body
NEUTRAL_SIGMA = 0.06  # about the mean of COCO's seventeen
COLORS = {'left': '#00ff00', 'right': '#ff8000', '': '#3399ff'}

Json = dict[str, Any]


@dataclass
class Skeleton:
    """Proposed skeleton of K keypoints.

    Attributes:
        names: K unique names.
        partners: K indices of mirror partners; itself if none.
        parts: K times 'upper', 'lower' or '-'.
        sigmas: K falloff constants.
        skeleton_links: Pairs of indices.
        notes: Sentences about what was guessed.
        has_halves: Whether upper and lower body can be shown each on its own.
    """

    names: list[str]
    partners: list[int]
    parts: list[str]
    sigmas: list[float]
    skeleton_links: list[tuple[int, int]]
    notes: list[str] = field(default_factory=list)
    has_halves: bool = True


def propose_skeleton(path: Path, data: Json, notes: list[str]) -> Skeleton:
    """Returns a skeleton for the content of a file in COCO's layout.

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
    sigmas = _sigmas(names, notes)
    parts = [body_half(name) for name in parse_names(names)]
    return Skeleton(
        names=names,
        partners=partners,
        parts=parts,
        sigmas=sigmas,
        skeleton_links=_skeleton_links(path, category, names, notes),
        notes=notes,
        has_halves=_has_halves(names, parts, notes),
    )


def write_skeleton(path: Path, skeleton: Skeleton, source: str) -> None:
    """Writes a table that ``load_metainfo`` reads.

    Args:
        skeleton: What it holds.
        source: Where it comes from, for its first line.
    """
    names, partners = skeleton.names, skeleton.partners
    sides = [name.side for name in parse_names(names)]
    rows = [
        [name, names[j] if j != i else '-', part, '1.0', f'{sigma:g}', COLORS[side]]
        for i, (name, j, part, sigma, side) in enumerate(
            zip(names, partners, skeleton.parts, skeleton.sigmas, sides, strict=True)
        )
    ]
    skeleton_links = []
    for a, b in skeleton.skeleton_links:
        side = sides[a] if sides[a] == sides[b] else sides[a] or sides[b]
        is_across = sides[a] and sides[b] and sides[a] != sides[b]
        skeleton_links.append([names[a], names[b], COLORS['' if is_across else side]])
    notes = ''.join(f'# {note}.\n' for note in skeleton.notes)
    text = table_text(f'# Proposed from {source}.\n{notes}', rows, skeleton_links)
    path.write_text(text, encoding='utf-8')


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
    for ann in data['annotations']:
        values = ann.get('keypoints') if isinstance(ann, dict) else None
        if values:
            if len(values) % 3:
                raise ValueError(
                    f'{path}: annotation {ann.get("id")} has {len(values)} numbers in keypoints, '
                    'expected x, y and visibility of each'
                )
            return len(values) // 3
    raise ValueError(f'{path}: no annotation has keypoints; this layout needs them')


def _category(path: Path, data: Json, num: int, notes: list[str]) -> Json:
    """Returns the category that describes the keypoints; an empty one if none does."""
    listed = [c for c in data.get('categories') or [] if isinstance(c, dict)]
    named = [category for category in listed if category.get('keypoints')]
    for category in named:
        if category['keypoints'] != named[0]['keypoints']:
            raise ValueError(
                f"{path}: categories '{named[0].get('name')}' and '{category.get('name')}' have "
                'different keypoints, but only one of them has labelled annotations; remove the '
                'other under categories'
            )
        if len(category['keypoints']) != num:
            raise ValueError(
                f"{path}: category '{category.get('name')}' names {len(category['keypoints'])} "
                f'keypoints but the annotations have {num}; fix the list under categories'
            )
    if len(listed) > 1:
        names = [str(category.get('name', category.get('id'))) for category in listed]
        shown = ', '.join(names[:10]) + (', ...' if len(names) > 10 else '')
        notes.append(f'{len(listed)} categories share one skeleton: {shown}')
    return named[0] if named else {}


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


def _has_halves(names: Sequence[str], parts: Sequence[str], notes: list[str]) -> bool:
    """Says whether half-body augmentation means what it says, and notes where it does not."""
    upper = [name for name, part in zip(names, parts, strict=True) if part == 'upper']
    is_body = any(not is_of_head(parse_name(name)) for name in upper)
    if len(upper) >= MIN_HALF and len(names) - len(upper) >= MIN_HALF and is_body:
        return True
    if not upper:
        found = 'no name is of an upper body'
    elif not is_body:
        found = f'the only names of an upper body are of the head ({", ".join(upper)})'
    else:
        found = f'{len(upper)} of {len(names)} keypoints are of an upper body'
    notes.append(
        f'{found}, so the config has no half-body augmentation, which would show that part alone; '
        'fill in the column part of the table and add RandomHalfBody if there is an upper body'
    )
    return False


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
