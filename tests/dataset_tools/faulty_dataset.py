"""A small sound dataset in COCO's layout, and single faults that can be planted in it."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from mmengine.config import Config

from mmpose.metainfo import load_metainfo

NUM_IMAGES = {'train': 40, 'val': 4}
WH = (96, 80)
BOX = [20.0, 10.0, 40.0, 60.0]
NAMES = list(load_metainfo('coco').keypoint_names)
Data = dict[str, Any]


class Fault(NamedTuple):
    """One planted fault.

    Attributes:
        kind: Kind that the check must report.
        entry: Entry that it must name.
        image: File name that it must name.
        plant: Changes the annotation file's content or the files in the folder.
        split: Split that holds it.
    """

    kind: str
    entry: str
    image: str
    plant: Callable[[Data, Path], None]
    split: str = 'train'


def picture(seed: int) -> np.ndarray:
    """Returns a (H, W, 3) uint8 image with large blobs that compression keeps."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (5, 6, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, WH, interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def person(ann_id: int, image_id: int) -> Data:
    """Returns an annotation with 17 keypoints inside its box."""
    rng = np.random.default_rng(ann_id)
    xy = rng.uniform((22, 12), (58, 68), (17, 2)).round(1)
    keypoints_visible = rng.integers(1, 3, 17)
    return {
        'id': ann_id,
        'image_id': image_id,
        'category_id': 1,
        'bbox': list(BOX),
        'area': 1500.0,
        'iscrowd': 0,
        'num_keypoints': 17,
        'keypoints': np.column_stack([xy, keypoints_visible]).ravel().tolist(),
    }


def sound(split: str) -> Data:
    """Returns the content of an annotation file; image 7 has annotations 71 and 72."""
    first = 1 if split == 'train' else 901
    ids = range(first, first + NUM_IMAGES[split])
    return {
        'images': [
            {'id': i, 'file_name': f'{i}.png', 'width': WH[0], 'height': WH[1]} for i in ids
        ],
        'annotations': [person(10 * i + n, i) for i in ids for n in (1, 2)],
        'categories': [{'id': 1, 'name': 'person', 'keypoints': NAMES, 'skeleton': []}],
    }


def write(folder: Path, faults: list[Fault]) -> Config:
    """Writes both splits with these faults and returns a config that reads them."""
    for split in NUM_IMAGES:
        data = sound(split)
        images = folder / split
        images.mkdir(parents=True)
        for image in data['images']:
            cv2.imwrite(str(images / image['file_name']), picture(image['id']))
        for fault in faults:
            if fault.split == split:
                fault.plant(data, images)
        (folder / f'{split}.json').write_text(json.dumps(data))
    pipeline = [
        {'type': 'LoadImage'},
        {'type': 'GetBBoxCenterScale', 'padding': 1.25},
        {'type': 'TopdownAffine', 'input_size': (96, 128), 'use_udp': True},
    ]
    loaders = {
        f'{split}_dataloader': {
            'dataset': {
                'type': 'CocoDataset',
                'metainfo': 'coco',
                'data_root': str(folder),
                'ann_file': f'{split}.json',
                'data_prefix': {'img': split},
                'pipeline': pipeline,
            }
        }
        for split in NUM_IMAGES
    }
    return Config(loaders)


def change(ann_id: int, **fields: Any) -> Callable[[Data, Path], None]:
    """Returns what changes fields of one annotation; a function gets the annotation."""

    def plant(data: Data, images: Path) -> None:
        ann = next(ann for ann in data['annotations'] if ann['id'] == ann_id)
        for key, value in fields.items():
            ann[key] = value(ann) if callable(value) else value

    return plant


def with_keypoint(index: int, x: float, y: float) -> Callable[[Data], list[float]]:
    """Returns what moves one keypoint, given the annotation."""

    def moved(ann: Data) -> list[float]:
        values = list(ann['keypoints'])
        values[3 * index : 3 * index + 3] = [x, y, 2]
        return values

    return moved


def add_annotation(source_id: int, **fields: Any) -> Callable[[Data, Path], None]:
    """Returns what adds a changed copy of an annotation."""

    def plant(data: Data, images: Path) -> None:
        ann = next(ann for ann in data['annotations'] if ann['id'] == source_id)
        data['annotations'].append({**copy.deepcopy(ann), **fields})

    return plant


def delete(data: Data, images: Path) -> None:
    (images / '2.png').unlink()


def truncate(data: Data, images: Path) -> None:
    path = images / '3.png'
    path.write_bytes(path.read_bytes()[:-200])


def truncate_jpeg(data: Data, images: Path) -> None:
    data['images'][38]['file_name'] = '39.jpg'
    cv2.imwrite(str(images / '39.jpg'), picture(39))
    path = images / '39.jpg'
    path.write_bytes(path.read_bytes()[:-300])


def shrink(data: Data, images: Path) -> None:
    cv2.imwrite(str(images / '4.png'), picture(4)[:-10])


def turn(data: Data, images: Path) -> None:
    """Gives image 5 an EXIF orientation that turns it by 90 degrees."""
    data['images'][4]['file_name'] = '5.jpg'
    _, encoded = cv2.imencode('.jpg', picture(5))
    tiff = b'II*\0' + struct.pack('<IH', 8, 1) + struct.pack('<HHIHH', 0x0112, 3, 1, 6, 0)
    exif = b'Exif\0\0' + tiff + struct.pack('<I', 0)
    segment = b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif
    content = encoded.tobytes()
    (images / '5.jpg').write_bytes(content[:2] + segment + content[2:])


def same_id(data: Data, images: Path) -> None:
    image = {'id': 6, 'file_name': '6b.png', 'width': WH[0], 'height': WH[1]}
    data['images'].append(image)
    cv2.imwrite(str(images / '6b.png'), picture(1006))


def leak(data: Data, images: Path) -> None:
    """Lets a training image be the second of the validation images."""
    train = images.parent / 'train'
    (images / '902.png').write_bytes((train / '20.png').read_bytes())


def leak_again(data: Data, images: Path) -> None:
    """Lets the third validation image be a training image in another encoding and size."""
    image = cv2.resize(picture(21), (144, 120), interpolation=cv2.INTER_LINEAR)
    data['images'][2].update(file_name='903.jpg', width=144, height=120)
    cv2.imwrite(str(images / '903.jpg'), image, [cv2.IMWRITE_JPEG_QUALITY, 60])


def copy_image(data: Data, images: Path) -> None:
    (images / '23.png').write_bytes((images / '22.png').read_bytes())


def swap_names(data: Data, images: Path) -> None:
    names = list(NAMES)
    names[5], names[6] = names[6], names[5]
    data['categories'][0]['keypoints'] = names


NAN = float('nan')
FAULTS = [
    Fault('missing_image', 'image 2', '2.png', delete),
    Fault('corrupt_image', 'image 3', '3.png', truncate),
    Fault('corrupt_image', 'image 39', '39.jpg', truncate_jpeg),
    Fault('image_size', 'image 4', '4.png', shrink),
    Fault('exif_rotation', 'image 5', '5.jpg', turn),
    Fault('duplicate_image_id', 'image 6', '6b.png', same_id),
    Fault('bad_box', 'annotation 71', '7.png', change(71, bbox=[NAN, 1, 2, 3])),
    Fault('bad_box', 'annotation 72', '7.png', change(72, bbox=[30, 30, -5, 9])),
    Fault('box_outside_image', 'annotation 81', '8.png', change(81, bbox=[500, 10, 40, 60])),
    Fault('box_leaves_image', 'annotation 82', '8.png', change(82, bbox=[20, 10, 96, 80])),
    Fault('empty_box', 'annotation 91', '9.png', change(91, area=0)),
    Fault(
        'keypoint_outside_box',
        'annotation 101',
        '10.png',
        change(101, keypoints=with_keypoint(0, 93, 5)),
    ),
    Fault(
        'keypoint_outside_image',
        'annotation 102',
        '10.png',
        change(102, keypoints=with_keypoint(3, -7, 20)),
    ),
    Fault(
        'no_visible_keypoint',
        'annotation 111',
        '11.png',
        change(111, keypoints=lambda ann: [0] * 51),
    ),
    Fault('empty_target', 'annotation 112', '11.png', change(112, bbox=[88, 2, 4, 4])),
    Fault(
        'wrong_keypoint_count',
        'annotation 121',
        '12.png',
        change(121, keypoints=lambda ann: ann['keypoints'][:48]),
    ),
    Fault(
        'bad_keypoints', 'annotation 122', '12.png', change(122, keypoints=with_keypoint(2, NAN, 1))
    ),
    Fault(
        'bad_visibility',
        'annotation 131',
        '13.png',
        change(131, keypoints=lambda ann: [*ann['keypoints'][:-1], 7]),
    ),
    Fault('num_keypoints', 'annotation 132', '13.png', change(132, num_keypoints=5)),
    Fault('duplicate_annotation', 'annotation 5000', '14.png', add_annotation(141, id=5000)),
    Fault(
        'duplicate_annotation_id',
        'annotation 152',
        '15.png',
        add_annotation(152, keypoints=person(1, 1)['keypoints']),
    ),
    Fault('unlisted_image', 'annotation 161', '', change(161, image_id=77777)),
    Fault('unknown_category', 'annotation 171', '17.png', change(171, category_id=9)),
    Fault('malformed_annotation', 'annotation 172', '17.png', change(172, bbox='none')),
    Fault('duplicate_image', 'image 23', '23.png', copy_image),
    Fault('keypoint_names', 'category 1', '', swap_names),
    Fault('leak', 'image 902', '902.png', leak, 'val'),
    Fault('near_leak', 'image 903', '903.jpg', leak_again, 'val'),
]
