"""Files of the converters: JSON, and lists of names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.convert.files import read_text, write_files
from mmpose.dataset_tools.new_annotations import with_images
from mmpose.structures import DatasetMeta

# Of the images of each species in AP-10K: Yu et al., NeurIPS 2021.
SPLIT_SHARES = {'train': 0.7, 'val': 0.1, 'test': 0.2}


def write_json(contents: Mapping[Path, object]) -> None:
    """Writes files, after all of them were found to be free.

    Raises:
        FileExistsError: If one exists with another content, such as the file that was read.
    """
    texts = {path: json.dumps(content) for path, content in contents.items()}
    write_files(texts, next(iter(texts)).parent)


def write_split(
    out: Path, pattern: str, set_of: Mapping[int | str, str], content: Json
) -> dict[str, int]:
    """Writes a COCO file for each set of images; returns the number of images in each.

    Args:
        out: Folder to write into.
        pattern: Name of a file, with ``{}`` for the set.
        set_of: Set of each image by its id; an image without one is in no file.
        content: Images, annotations and categories of all sets.
    """
    sets = {
        name: with_images(content, {image for image, own in set_of.items() if own == name})
        for name in SPLIT_SHARES
    }
    write_json({out / pattern.format(name): part for name, part in sets.items()})
    return {name: len(part['images']) for name, part in sets.items()}


def read_names(path: Path) -> set[str]:
    """Returns the lines of a text file that are not empty, without the blanks around them."""
    return {line.strip() for line in read_text(path).splitlines()} - {''}


def category(dataset_meta: DatasetMeta, name: str) -> Json:
    """Returns the entry of ``categories`` for a skeleton; its links count from 1, as in COCO."""
    return {
        'id': 1,
        'name': name,
        'supercategory': 'person' if name == 'person' else 'animal',
        'keypoints': list(dataset_meta.keypoint_names),
        'skeleton': (dataset_meta.skeleton_links + 1).tolist(),
    }
