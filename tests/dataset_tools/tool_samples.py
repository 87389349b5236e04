"""Annotations as the tools write them, small enough to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

NAMES = ['nose', 'left_eye', 'right_eye', 'tail']
LIMBS = [[1, 2], [1, 3], [1, 4]]  # counted from 1
IMAGES = [('cam0/a.png', (80, 60)), ('cam0/b.png', (80, 60)), ('c.png', (64, 48))]


def coco() -> dict[str, Any]:
    """Two instances in the first image, one in the last, none in the second."""
    rng = np.random.default_rng(0)
    people = []
    for i, (image, category, visibility) in enumerate(
        [(7, 3, [2, 1, 0, 2]), (7, 5, [0, 2, 2, 1]), (9, 3, [1, 1, 2, 2])]
    ):
        xy = rng.uniform(5, 40, (4, 2)).round(3) * (np.array(visibility) > 0)[:, None]
        people.append(
            {
                'id': 40 + i,
                'image_id': image,
                'category_id': category,
                'bbox': [1.25, 2.5, 44.125, 41.5],
                'area': 900,
                'iscrowd': 0,
                'num_keypoints': int(np.count_nonzero(visibility)),
                'keypoints': np.column_stack([xy, visibility]).ravel().tolist(),
            }
        )
    images = [
        {'id': 7 + i, 'file_name': name, 'width': w, 'height': h}
        for i, (name, (w, h)) in enumerate(IMAGES)
    ]
    categories = [
        {'id': key, 'name': name, 'keypoints': NAMES, 'skeleton': LIMBS}
        for key, name in ((3, 'cat'), (5, 'dog'))
    ]
    return {'images': images, 'annotations': people, 'categories': categories}


def save(folder: Path, name: str, content: Any) -> Path:
    """Writes a text, or anything else as JSON."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def image_at(folder: Path, name: str, wh: tuple[int, int]) -> None:
    """Writes a black image of this size below ``images``."""
    path = folder / 'images' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((wh[1], wh[0], 3), np.uint8))


def broken(data: Any, path: list[Any], value: Any) -> Any:
    """Returns a copy of JSON data with another value at a place."""
    data = json.loads(json.dumps(data))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><job><labels>
    <label><name>person</name><color>#c06060</color><type>skeleton</type><attributes></attributes>
      <svg>&lt;line x1="1" y1="1" x2="9" y2="9" stroke="black" data-type="edge"
data-node-from="2" stroke-width="0.5" data-node-to="1"&gt;&lt;/line&gt;&lt;circle r="1.5" cx="9"
cy="9" data-type="element node" data-element-id="2" data-node-id="2"
data-label-name="left_eye"&gt;&lt;/circle&gt;&lt;circle r="1.5" cx="1" cy="1"
data-type="element node" data-element-id="1" data-node-id="1"
data-label-name="nose"&gt;&lt;/circle&gt;</svg></label>
    <label><name>left_eye</name><type>points</type><parent>person</parent></label>
    <label><name>nose</name><type>points</type><parent>person</parent></label>
    <label><name>car</name><type>rectangle</type></label>
  </labels></job></meta>
  <image id="0" name="img1.jpg" width="640" height="480">
    <skeleton label="person" source="manual" z_order="0" group_id="4">
      <points label="left_eye" source="manual" outside="0" occluded="1" points="91.30,52.60">
      </points>
      <points label="nose" source="manual" outside="1" occluded="0" points="0.00,0.00"></points>
    </skeleton>
    <box label="person" source="manual" occluded="0" xtl="80.00" ytl="40.00" xbr="120.00"
      ybr="100.00" z_order="0" group_id="4"></box>
    <box label="car" source="manual" occluded="0" xtl="0" ytl="0" xbr="9" ybr="9"></box>
  </image>
  <image id="1" name="img2.jpg" width="640" height="480"></image>
</annotations>
"""
CVAT_POINTS = """<annotations><version>1.1</version>
<meta><task><labels>
  <label><name>tail</name></label><label><name>nose</name></label><label><name>dog</name></label>
</labels></task></meta>
<image id="0" name="a.jpg" width="100" height="50">
  <points label="nose" occluded="0" points="10.5,20.25" group_id="1"></points>
  <points label="tail" occluded="1" points="30,40" group_id="1"></points>
  <box label="dog" occluded="0" xtl="5" ytl="6" xbr="45" ybr="46" group_id="1"></box>
  <points label="nose" occluded="0" points="60,20" group_id="2"></points>
  <polygon label="dog" points="1,1;2,2;3,1"></polygon>
</image></annotations>
"""
LABEL_STUDIO = [
    {
        'id': 12,
        'data': {'image': '/data/upload/1/0badc0de-frame%201.jpg'},
        'annotations': [
            {
                'id': 3,
                'was_cancelled': False,
                'result': [
                    {
                        'id': 'box1',
                        'type': 'rectanglelabels',
                        'from_name': 'label',
                        'to_name': 'image',
                        'original_width': 200,
                        'original_height': 100,
                        'image_rotation': 0,
                        'value': {
                            'x': 10, 'y': 20, 'width': 30, 'height': 40,
                            'rotation': 0, 'rectanglelabels': ['Person'],
                        },
                    },
                    {
                        'id': 'kp1',
                        'type': 'keypointlabels',
                        'parentID': 'box1',
                        'from_name': 'kp',
                        'to_name': 'image',
                        'original_width': 200,
                        'original_height': 100,
                        'value': {'x': 15, 'y': 25, 'width': 0.6, 'keypointlabels': ['Nose']},
                    },
                    {
                        'id': 'kp2',
                        'type': 'keypointlabels',
                        'original_width': 200,
                        'original_height': 100,
                        'value': {'x': 35, 'y': 55, 'width': 0.6, 'keypointlabels': ['Tail']},
                    },
                    {
                        'id': 'kp2',
                        'type': 'choices',
                        'value': {'x': 35, 'y': 55, 'width': 0.6, 'choices': ['Occluded']},
                    },
                    {'type': 'relation', 'from_id': 'box1', 'to_id': 'kp2', 'direction': 'right'},
                ],
            }
        ],
    }
]  # fmt: skip
LABELME = {
    'version': '5.1.1',
    'flags': {},
    'shapes': [
        {
            'label': 'person', 'points': [[5.0, 6.0], [45.0, 46.0]], 'group_id': 1,
            'shape_type': 'rectangle', 'flags': {},
        },
        {
            'label': 'nose', 'points': [[10.5, 20.25]], 'group_id': 1,
            'shape_type': 'point', 'flags': {},
        },
        {
            'label': 'tail', 'points': [[30, 40]], 'group_id': 1, 'shape_type': 'point',
            'flags': {}, 'difficult': True, 'description': None, 'attributes': {},
        },
        {
            'label': 'other', 'points': [[1, 1], [9, 1], [9, 9], [1, 9]], 'group_id': None,
            'shape_type': 'rectangle', 'flags': {},
        },
    ],
    'imagePath': '..\\somewhere\\a.jpg',
    'imageData': None,
    'imageHeight': 50,
    'imageWidth': 100,
}  # fmt: skip
DEEPLABCUT = """scorer,,,me,me,me,me
bodyparts,,,snout,snout,tail,tail
coords,,,x,y,x,y
labeled-data,video1,img0010.png,10.5,20.25,,
labeled-data,video1,img0023.png,11,21,31.5,41.25
"""
DEEPLABCUT_MULTI = """scorer,me,me,me,me,me,me,me,me,me,me
individuals,mus1,mus1,mus1,mus1,mus2,mus2,mus2,mus2,single,single
bodyparts,snout,snout,tail,tail,snout,snout,tail,tail,corner,corner
coords,x,y,x,y,x,y,x,y,x,y
labeled-data/v/img1.png,1,2,3,4,,,7,8,0,0
labeled-data/v/img2.png,,,,,5,6,,,0,0
"""
