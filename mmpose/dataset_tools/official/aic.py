"""AI Challenger keypoints: the official list becomes a COCO file.

Layout of the official files: https://challenger.ai/competition/keypoint (documentation; no
original file was at hand). The result was compared with three images of the shared ``aic_*.json``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmpose.coco.json_fields import Json, numbers
from mmpose.coco.json_stream import stream_json
from mmpose.dataset_tools.convert.files import ImageFolder, read_image_wh
from mmpose.dataset_tools.official.files import category, write_json
from mmpose.metainfo import load_metainfo
from mmpose.structures.progress import track

# Visibility in the official files -> in COCO: visible, hidden, not labelled.
VISIBILITY = {1: 2, 2: 1, 3: 0}


def convert_aic(ann_file: str | Path, image_dir: str | Path, out: str | Path) -> dict[str, int]:
    """Writes ``aic_train.json`` or ``aic_val.json``; returns the number of images and persons.

    A person whose box has no size is left out and counted under ``left_out``.

    Args:
        ann_file: ``keypoint_{train,validation}_annotations_*.json``: a list of ``image_id``,
            ``keypoint_annotations`` {humanN: 14 times x, y, v} and ``human_annotations``
            {humanN: x1, y1, x2, y2}.
        image_dir: Folder of the images ``IMAGE_ID.jpg``, whose sizes are read.

    Raises:
        FileNotFoundError: If a file or an image does not exist.
        TypeError, ValueError: If the list is malformed; the message names the entry and field.
    """
    path, dataset_meta, folder = Path(ann_file), load_metainfo('aic'), ImageFolder(image_dir)
    images: list[Json] = []
    people: list[Json] = []
    left_out = 0
    seen: set[str] = set()
    for row, (section, entry) in enumerate(track(stream_json(path), path.name)):
        where = f'{path}: entry {row}'
        if section or not isinstance(entry, dict):
            raise ValueError(f'{where}: expected a list of objects; is it converted already?')
        name = entry.get('image_id')
        if not isinstance(name, str) or not name:
            raise TypeError(f"{where}: field 'image_id' is {name!r}, expected a name")
        name = folder.relative(f'{name}.jpg', where)
        if name in seen:
            raise ValueError(f"{where}: the image '{name}' occurs twice, expected unique names")
        seen.add(name)
        width, height = read_image_wh(Path(image_dir) / name)
        images.append({'id': len(images) + 1, 'file_name': name, 'width': width, 'height': height})
        for person in _people(entry, where, dataset_meta.num_keypoints):
            if min(person['bbox'][2:]) > 0:
                ids = {'id': len(people) + 1, 'image_id': len(images), 'category_id': 1}
                people.append({**ids, **person})
            else:
                left_out += 1
    if not people:
        raise ValueError(f'{path} holds no person with a box')
    categories = [category(dataset_meta, 'person')]
    write_json({Path(out): dict(images=images, annotations=people, categories=categories)})
    return {'images': len(images), 'persons': len(people), 'left_out': left_out}


def _people(entry: Json, where: str, num_keypoints: int) -> Iterator[Json]:
    keypoints, boxes = entry.get('keypoint_annotations'), entry.get('human_annotations')
    if not isinstance(keypoints, dict) or not isinstance(boxes, dict):
        raise TypeError(
            f"{where}: expected the objects 'keypoint_annotations' and 'human_annotations', got "
            f'the fields {sorted(entry)}'
        )
    if keypoints.keys() != boxes.keys():
        raise ValueError(
            f"{where}: 'keypoint_annotations' is of {sorted(keypoints)}, 'human_annotations' of "
            f'{sorted(boxes)}'
        )
    for human in sorted(keypoints, key=lambda key: (len(key), key)):
        values = numbers(keypoints, human, f'{where}: keypoint_annotations', 3 * num_keypoints)
        x1, y1, x2, y2 = numbers(boxes, human, f'{where}: human_annotations', 4)
        points: list[float] = []
        for x, y, v in zip(values[::3], values[1::3], values[2::3], strict=True):
            if v not in VISIBILITY:
                raise ValueError(
                    f"{where}: '{human}' has visibility {v}, expected 1 (visible), 2 (hidden) or "
                    '3 (not labelled)'
                )
            points += [x, y, VISIBILITY[int(v)]] if v != 3 else [0, 0, 0]
        yield {
            'bbox': [x1, y1, x2 - x1, y2 - y1],
            'keypoints': points,
            'num_keypoints': sum(v > 0 for v in points[2::3]),
            'iscrowd': 0,
        }
