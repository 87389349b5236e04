"""InterHand2.6M (Moon et al., ECCV 2020): hands with 21 keypoints each, in calibrated cameras."""

from pathlib import Path
from typing import Any

import numpy as np

from toy_pose.formats.base import LabelledImage, RenderedImage, ToyFormat, write_json
from toy_pose.hand import NUM_JOINTS
from toy_pose.hand_camera import NUM_CAMERAS, HandCamera, rig_camera
from toy_pose.hand_scene import HandLabel, render_hands, valid_joints

_NUM_CAPTURES = 3  # per split
_FIRST_CAPTURE = {'train': 0, 'val': 100, 'test': 200}  # no rig is in two splits
_FIRST_ID = {'train': 0, 'val': 1_000_000, 'test': 2_000_000}
_SEQUENCES = ('0000_generated_poses', '0001_generated_poses')
_FOLDERS = {'train': 'all', 'val': 'machine_annot', 'test': 'all'}
_PARTS = ('data', 'camera', 'joint_3d')
_BOX_MARGIN = 1.2  # the published boxes are the joints' boxes enlarged by this


def annotation_path(split: str, part: str) -> str:
    """Path of one of the three files of a split, below the folder of the data set."""
    return f'annotations/{_FOLDERS[split]}/InterHand2.6M_{split}_{part}.json'


def _shot(split: str, index: int) -> tuple[int, int, str, int]:
    """Capture, number of the camera, sequence and frame of an image."""
    capture = _FIRST_CAPTURE[split] + index % _NUM_CAPTURES
    camera = (index // _NUM_CAPTURES) % NUM_CAMERAS
    return capture, camera, _SEQUENCES[index % len(_SEQUENCES)], index


class InterHand2dFormat(ToyFormat):
    """Every image is a frame of its own, seen by one camera of its capture."""

    name = 'interhand2d'
    splits = ('train', 'val', 'test')
    files = tuple(annotation_path(split, part) for split in splits for part in _PARTS)
    layout = (
        'annotations/{all,machine_annot}/InterHand2.6M_{train,val,test}_{data,camera,joint_3d}.json'
        ' in the layout of InterHand2.6M, images in images/{train,val,test}/.'
    )
    instances = 'hands'

    def image_path(self, split: str, index: int) -> str:
        return f'images/{split}/{_file_name(split, index)}'

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        camera = rig_camera(*_shot(split, index)[:2])
        scene = render_hands(rng, camera)
        return RenderedImage(scene.jpeg, camera.width, camera.height, scene.label)

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        for split in self.splits:
            contents = (_data(images, split), _cameras(split), _joints(images, split))
            for part, content in zip(_PARTS, contents, strict=True):
                write_json(out / annotation_path(split, part), content)

    def count(self, label: HandLabel) -> int:
        return sum(hand is not None for hand in (label.right, label.left))


def _file_name(split: str, index: int) -> str:
    """Path of an image below the images of its split."""
    capture, number, sequence, frame = _shot(split, index)
    name = rig_camera(capture, number).name
    return f'Capture{capture}/{sequence}/cam{name}/image{frame}.jpg'


def _data(images: dict[str, list[LabelledImage]], split: str) -> dict[str, Any]:
    """The file of images and boxes."""
    image_entries, annotations = [], []
    for index, image in enumerate(images[split]):
        capture, number, sequence, frame = _shot(split, index)
        camera, image_id = rig_camera(capture, number), _FIRST_ID[split] + index
        image_entries.append(
            {
                'id': image_id,
                'file_name': _file_name(split, index),
                'width': image.width,
                'height': image.height,
                'capture': capture,
                'subject': capture,
                'seq_name': sequence,
                'camera': camera.name,
                'frame_idx': frame,
            }
        )
        annotations.append(_annotation(image.label, camera, image_id))
    return {'images': image_entries, 'annotations': annotations}


def _annotation(label: HandLabel, camera: HandCamera, image_id: int) -> dict[str, Any]:
    is_valid = valid_joints(label, camera)
    hands = [hand for hand in (label.right, label.left) if hand is not None]
    points = np.concatenate([camera.project(hand) for hand in hands])
    low, high = points.min(axis=0), points.max(axis=0)
    size = _BOX_MARGIN * (high - low)
    corner = 0.5 * (low + high - size)
    return {
        'id': image_id,
        'image_id': image_id,
        'bbox': [*corner.tolist(), *size.tolist()],
        'joint_valid': [[int(flag)] for flag in is_valid],
        'hand_type': label.hand_type,
        'hand_type_valid': 1,
    }


def _cameras(split: str) -> dict[str, Any]:
    """The file of cameras: capture -> quantity -> camera -> value."""
    content: dict[str, Any] = {}
    for capture in range(_FIRST_CAPTURE[split], _FIRST_CAPTURE[split] + _NUM_CAPTURES):
        cameras = [rig_camera(capture, number) for number in range(NUM_CAMERAS)]
        content[str(capture)] = {
            'campos': {camera.name: camera.position.tolist() for camera in cameras},
            'camrot': {camera.name: camera.rotation.tolist() for camera in cameras},
            'focal': {camera.name: camera.focal.tolist() for camera in cameras},
            'princpt': {camera.name: camera.center.tolist() for camera in cameras},
        }
    return content


def _joints(images: dict[str, list[LabelledImage]], split: str) -> dict[str, Any]:
    """The file of joints: capture -> frame -> the right hand's joints, then the left one's."""
    content: dict[str, Any] = {}
    for index, image in enumerate(images[split]):
        capture, _, _, frame = _shot(split, index)
        label: HandLabel = image.label
        world, is_valid = [], []
        for hand in (label.right, label.left):
            # The published files have ones where a hand is missing.
            world += np.ones((NUM_JOINTS, 3)).tolist() if hand is None else hand.tolist()
            is_valid += [[hand is not None]] * NUM_JOINTS
        content.setdefault(str(capture), {})[str(frame)] = {
            'world_coord': world,
            'joint_valid': is_valid,
            'hand_type': label.hand_type,
            'hand_type_valid': True,
        }
    return content


FORMAT = InterHand2dFormat()
