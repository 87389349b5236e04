"""AP-10K: random splits per species, and checks of given ones.

Checked against two images of the official files; sizes of the whole only by the paper.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from mmpose.coco.json_fields import Json, describe, identifier, integer
from mmpose.coco.json_file import load_coco
from mmpose.dataset_tools.official.files import SPLIT_SHARES, write_split

SECTIONS = {'images': 'image', 'annotations': 'annotation', 'categories': 'category'}
Key = TypeVar('Key', bound=Hashable)


def split_ap10k(
    ann_files: Sequence[str | Path], out: str | Path, number: int = 1, seed: int = 0
) -> dict[str, int]:
    """Writes ``ap10k-{train,val,test}-splitN.json``, 7 : 1 : 2 per species.

    Args:
        ann_files: Official files whose union is divided anew, such as the three of a split.
        out: Folder to write into.
        number: N in the file names.
        seed: Decides about the split.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If one is malformed, or an id stands for different things in two files.
    """
    whole: dict[str, dict[int | str, Json]] = {name: {} for name in SECTIONS}
    for path in map(Path, ann_files):
        sections = load_coco(path, needs_categories=True)
        for name, what in SECTIONS.items():
            _merge(whole[name], sections[name], path, what)
    species = species_of_images(whole['images'], whole['annotations'])
    chosen = split_by_group(dict(sorted(species.items())), SPLIT_SHARES, seed)
    content = {name: [item for _, item in sorted(x.items())] for name, x in whole.items()}
    return write_split(Path(out), f'ap10k-{{}}-split{number}.json', chosen, content)


def check_ap10k(ann_files: Sequence[str | Path]) -> dict[str, int]:
    """Returns the number of images per file, if the files are one split of AP-10K.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If files share images, differ in their categories, hold an annotation of an
            unlisted image or category; the message names them.
    """
    owner: dict[int | str, Path] = {}
    counts: dict[str, int] = {}
    first: list[tuple[object, object]] | None = None
    for path in map(Path, ann_files):
        sections = load_coco(path, needs_categories=True)
        names = sorted((c.get('id'), c.get('name')) for c in sections['categories'])
        if first is not None and names != first:
            raise ValueError(f'{path}: its categories differ from those of {ann_files[0]}')
        first = names
        shared = [i['id'] for i in sections['images'] if i['id'] in owner]
        if shared:
            raise ValueError(
                f'{path} shares {len(shared)} images with {owner[shared[0]]}, first id '
                f'{shared[0]}; a split has no image in two sets'
            )
        own = {image['id'] for image in sections['images']}
        known = {category_id for category_id, _ in names}
        for ann in sections['annotations']:
            if ann.get('image_id') not in own or ann.get('category_id') not in known:
                raise ValueError(
                    f'{describe(path, "annotation", ann)}: image {ann.get("image_id")} or '
                    f'category {ann.get("category_id")} is not listed'
                )
        owner.update(dict.fromkeys(own, path))
        counts[path.name] = len(own)
    return counts


def split_by_group(
    groups: Mapping[Key, Hashable], shares: Mapping[str, float], seed: int
) -> dict[Key, str]:
    """Returns the set of each key, so that every group is divided in the same proportion.

    Args:
        groups: Group of each key, such as the species of each image. The result depends on the
            order of the keys.
        shares: Share of each set; they add up to 1. A group too small for all sets fills the
            first ones first.
    """
    members: dict[Hashable, list[Key]] = defaultdict(list)
    for key, group in groups.items():
        members[group].append(key)
    rng = np.random.default_rng(seed)
    chosen: dict[Key, str] = {}
    for keys in members.values():
        ends = np.round(np.cumsum(list(shares.values())) * len(keys)).astype(int)
        ends[0] = max(ends[0], 1)
        order = rng.permutation(len(keys))
        for name, start, end in zip(shares, [0, *ends[:-1]], ends, strict=True):
            chosen |= {keys[i]: name for i in order[start:end]}
    return chosen


def species_of_images(
    images: dict[int | str, Json], annotations: dict[int | str, Json]
) -> dict[int | str, int]:
    """Returns the commonest category of each annotated image, the smallest id where two tie."""
    seen: dict[int | str, Counter[int]] = {}
    for ann in annotations.values():
        where = f'annotation {ann["id"]}'
        image = identifier(ann, 'image_id', where)
        if image not in images:
            raise ValueError(f'{where} is of image {image!r}, which no file lists')
        seen.setdefault(image, Counter())[integer(ann, 'category_id', where)] += 1
    return {
        image: min(counts, key=lambda c, n=counts: (-n[c], c)) for image, counts in seen.items()
    }


def _merge(found: dict[int | str, Json], items: list[Json], path: Path, what: str) -> None:
    for item in items:
        key = identifier(item, 'id', describe(path, what, item))
        if found.setdefault(key, item) != item:
            raise ValueError(
                f'{path}: {what} {key} differs from the one of the same id in another file'
            )
