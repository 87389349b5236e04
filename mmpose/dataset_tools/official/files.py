"""JSON files of the converters, and sizes of images."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import cv2

from mmpose.coco.json_fields import Json
from mmpose.coco.json_stream import stream_json
from mmpose.structures import DatasetMeta
from mmpose.structures.output_files import writing

PNG = b'\x89PNG\r\n\x1a\n'
JPEG = b'\xff\xd8'
# Markers that start a frame and so hold the size: SOF0..SOF15 without DHT, JPG and DAC.
JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_coco_sections(path: Path) -> dict[str, list[Json]]:
    """Returns ``images``, ``annotations`` and ``categories`` of a COCO file.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is malformed or lacks one of them; the message names the file.
    """
    found: dict[str, list[Json]] = {'images': [], 'annotations': [], 'categories': []}
    for section, item in stream_json(path):
        if section not in found:
            continue
        if not isinstance(item, dict):
            raise ValueError(f"{path}: '{section}' holds {item!r:.80}, expected objects")
        found[section].append(item)
    for section, items in found.items():
        if not items:
            raise ValueError(f"{path}: field '{section}' is missing or empty")
    return found


def write_json(path: Path, content: object) -> None:
    """Writes a file so that it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = writing(path)
    own = path.with_name(f'{path.name}.part')
    own.write_text(json.dumps(content), encoding='utf-8')
    own.replace(path)
    files.record()


def write_coco(
    path: Path, images: Sequence[Json], annotations: Sequence[Json], categories: Sequence[Json]
) -> None:
    """Writes a COCO file."""
    sections: Mapping[str, Any] = {
        'images': list(images),
        'annotations': list(annotations),
        'categories': list(categories),
    }
    write_json(path, sections)


def category(dataset_meta: DatasetMeta, name: str, category_id: int = 1) -> Json:
    """Returns the entry of ``categories`` for a skeleton; its links count from 1, as in COCO."""
    return {
        'id': category_id,
        'name': name,
        'supercategory': 'person' if name == 'person' else 'animal',
        'keypoints': list(dataset_meta.keypoint_names),
        'skeleton': (dataset_meta.skeleton_links + 1).tolist(),
    }


def read_image_wh(path: Path) -> tuple[int, int]:
    """Returns width and height of an image, from the header alone where it is a PNG or JPEG.

    Raises:
        FileNotFoundError: If the image does not exist.
        ValueError: If it is not an image.
    """
    if not path.is_file():
        raise FileNotFoundError(f'image {path} does not exist; give the folder of the images')
    with path.open('rb') as file:
        start = file.read(8)
        if start == PNG:
            width, height = struct.unpack('>8x2I', file.read(16))
            return width, height
        if start[:2] == JPEG:
            size = _jpeg_wh(file)
            if size is not None:
                return size
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ValueError(f'image {path} cannot be read')
    return image.shape[1], image.shape[0]


def _jpeg_wh(file: BinaryIO) -> tuple[int, int] | None:
    """Returns the size in the first frame header of a JPEG file, or None if there is none."""
    position = 2
    while True:
        file.seek(position)
        head = file.read(9)
        if len(head) < 9 or head[0] != 0xFF:
            return None
        if head[1] == 0xFF:  # fill byte
            position += 1
            continue
        if head[1] in JPEG_FRAMES:
            height, width = struct.unpack('>5x2H', head)
            return width, height
        position += 2 + struct.unpack('>2xH', head[:4])[0]
