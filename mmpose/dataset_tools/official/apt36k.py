"""APT-36K: relative image paths, and a split by clip.

The official ``apt36k_annotations.json`` names images by Windows paths of the authors' machine,
such as ``D:\\Animal_pose\\AP-36k-patr1\\29wolf\\v3c2\\frame7.jpg`` (documentation; no original
file was at hand), and comes without a split: https://github.com/pandorgan/APT-36K/issues/3.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from mmpose.coco.json_fields import Json, describe, identifier
from mmpose.coco.json_file import load_coco
from mmpose.dataset_tools.convert.files import DRIVE, find_below, plain_name
from mmpose.dataset_tools.official.ap10k import split_by_group
from mmpose.dataset_tools.official.files import SPLIT_SHARES, write_split

ARCHIVE = re.compile(r'AP-?T?-?36k', re.IGNORECASE)  # folder that holds one part of the images


def split_apt36k(
    ann_file: str | Path,
    out: str | Path,
    image_root: str | Path | None = None,
    number: int = 1,
    seed: int = 0,
    skip_missing: bool = False,
) -> dict[str, int]:
    """Writes ``{train,val,test}_annotations_N.json``, 7 : 1 : 2 of the clips of each species.

    All frames of a clip get into one set, because they look alike. The shares are those of
    AP-10K; the published split of APT-36K is not known.

    Args:
        ann_file: ``apt36k_annotations.json``.
        out: Folder to write into.
        image_root: Folder below which the images are looked for; file names become relative to
            it. None takes what follows the folder of the archive (``AP-36k-...``), unchecked.
        number: N in the file names.
        seed: Decides about the split.
        skip_missing: Leaves out images that are not there, instead of stopping.

    Returns:
        The number of images in each set, and under ``missing`` how many were left out.

    Raises:
        FileNotFoundError: If the file or an image does not exist.
        ValueError: If the file is malformed.
    """
    path = Path(ann_file)
    sections = load_coco(path, needs_categories=True)
    root = None if image_root is None else Path(image_root)
    images: dict[int | str, Json] = {}
    missing = []
    for image in sections['images']:
        where = describe(path, 'image', image)
        name = relative_name(image.get('file_name'), root, where)
        if name is None:
            missing.append(image)
            continue
        images[identifier(image, 'id', where)] = {**image, 'file_name': name}
    names = Counter(image['file_name'] for image in images.values())
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(
            f"{path}: {len(twice)} names stand for several images, first '{twice[0]}'; give the "
            'folder of the images, and keep the folders of the archives'
        )
    if missing and (not skip_missing or not images):
        raise FileNotFoundError(
            f'{path}: {len(missing)} of {len(sections["images"])} images are not below {root}, '
            f'first {missing[0].get("file_name")!r}; unpack all parts, correct the names of their '
            'folders, or pass --skip-missing'
        )
    clips = {key: image['file_name'].rpartition('/')[0] for key, image in images.items()}
    species = {clip: clip.rpartition('/')[0] for clip in sorted(set(clips.values()))}
    chosen = split_by_group(species, SPLIT_SHARES, seed)
    set_of = {key: chosen[clip] for key, clip in clips.items()}
    parts = ('annotations', 'categories')
    content = {'images': list(images.values()), **{name: sections[name] for name in parts}}
    counts = write_split(Path(out), f'{{}}_annotations_{number}.json', set_of, content)
    return {**counts, 'missing': len(missing)}


def relative_name(name: object, root: Path | None, where: str) -> str | None:
    """Returns the path of an image below the root, with slashes; None if it is not there.

    Args:
        name: Path as it was on another machine, absolute or not.
        root: Folder to search; None to go by the name alone.
        where: The entry, for messages.
    """
    if not isinstance(name, str) or not name.strip():
        raise TypeError(f"{where}: field 'file_name' is {name!r}, expected a path")
    plain = plain_name(name.strip(), where)
    if root is not None:
        found = find_below(root, plain)
        return None if found is None else found.relative_to(root).as_posix()
    parts = [part for part in DRIVE.sub('', plain).split('/') if part]
    archives = [i for i, part in enumerate(parts[:-1]) if ARCHIVE.match(part)]
    return '/'.join(parts[archives[-1] + 1 if archives else 0 :])
