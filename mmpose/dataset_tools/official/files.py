"""JSON files of the converters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.convert.files import write_files
from mmpose.structures import DatasetMeta


def write_json(contents: Mapping[Path, object]) -> None:
    """Writes files, after all of them were found to be free.

    Raises:
        FileExistsError: If one exists with another content, such as the file that was read.
    """
    texts = {path: json.dumps(content) for path, content in contents.items()}
    write_files(texts, next(iter(texts)).parent)


def coco_layout(
    images: Sequence[Json], annotations: Sequence[Json], categories: Sequence[Json]
) -> dict[str, Any]:
    """Returns the content of a COCO file."""
    return {
        'images': list(images),
        'annotations': list(annotations),
        'categories': list(categories),
    }


def category(dataset_meta: DatasetMeta, name: str, category_id: int = 1) -> Json:
    """Returns the entry of ``categories`` for a skeleton; its links count from 1, as in COCO."""
    return {
        'id': category_id,
        'name': name,
        'supercategory': 'person' if name == 'person' else 'animal',
        'keypoints': list(dataset_meta.keypoint_names),
        'skeleton': (dataset_meta.skeleton_links + 1).tolist(),
    }
