"""AnimalPose (Cao et al., ICCV 2019): five kinds of animals with 20 keypoints."""

from pathlib import Path
from typing import Any

import numpy as np

from toy_pose.formats.base import LabelledImage, RenderedImage, ToyFormat, write_json
from toy_pose.quadruped_coco import FIRST_IMAGE_ID, numbered, select_joints, whole_box
from toy_pose.quadruped_kinds import KINDS
from toy_pose.quadruped_scene import AnimalLabel, render_animals

_KINDS = tuple(kind for kind in KINDS if kind.name in ('cat', 'cow', 'dog', 'horse', 'sheep'))

# The published names -> joints of the skeleton. A front 'knee' is the carpus, a back 'elbow' the
# stifle and a back 'knee' the hock.
JOINTS = {
    'L_Eye': 'left_eye',
    'R_Eye': 'right_eye',
    'L_EarBase': 'left_ear',
    'R_EarBase': 'right_ear',
    'Nose': 'nose',
    'Throat': 'throat',
    'TailBase': 'tail_base',
    'Withers': 'withers',
    'L_F_Elbow': 'left_elbow',
    'R_F_Elbow': 'right_elbow',
    'L_B_Elbow': 'left_stifle',
    'R_B_Elbow': 'right_stifle',
    'L_F_Knee': 'left_carpus',
    'R_F_Knee': 'right_carpus',
    'L_B_Knee': 'left_hock',
    'R_B_Knee': 'right_hock',
    'L_F_Paw': 'left_front_paw',
    'R_F_Paw': 'right_front_paw',
    'L_B_Paw': 'left_back_paw',
    'R_B_Paw': 'right_back_paw',
}
SKELETON = (
    (1, 2), (1, 3), (2, 4), (1, 5), (2, 5), (5, 6), (6, 8), (7, 8), (6, 9), (9, 13), (13, 17),
    (6, 10), (10, 14), (14, 18), (7, 11), (11, 15), (15, 19), (7, 12), (12, 16), (16, 20),
)  # fmt: skip


class AnimalPoseFormat(ToyFormat):
    """The converted files; ``trainval`` has the images of both splits."""

    name = 'animalpose'
    splits = ('train', 'val')
    files = tuple(f'annotations/animalpose_{part}.json' for part in ('train', 'val', 'trainval'))
    layout = (
        'annotations/animalpose_{train,val,trainval}.json in the layout of the converted '
        'AnimalPose files, images in VOC2012/JPEGImages/.'
    )
    instances = 'animals'

    def image_path(self, split: str, index: int) -> str:
        return f'VOC2012/JPEGImages/2000_{FIRST_IMAGE_ID[split] + index:08d}.jpg'

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        scene = render_animals(rng, _KINDS)
        return RenderedImage(scene.jpeg, scene.width, scene.height, scene.animals)

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        for file, splits in zip(self.files, (('train',), ('val',), self.splits), strict=True):
            write_json(out / file, _annotation_file(images, splits))


def _annotation_file(
    images: dict[str, list[LabelledImage]], splits: tuple[str, ...]
) -> dict[str, Any]:
    image_entries, annotations = [], []
    for split in splits:
        for image_id, image, animals in numbered(images, split):
            image_entries.append(
                {
                    'id': image_id,
                    'file_name': image.path,
                    'height': image.height,
                    'width': image.width,
                }
            )
            annotations += [_entry(label, ann_id, image_id) for ann_id, label in animals]
    category = {
        'supercategory': 'animal',
        'id': 1,
        'name': 'cat',  # the converted files have this one category for all five animals
        'keypoints': list(JOINTS),
        'skeleton': [list(limb) for limb in SKELETON],
    }
    return {'categories': [category], 'images': image_entries, 'annotations': annotations}


def _entry(label: AnimalLabel, ann_id: int, image_id: int) -> dict[str, Any]:
    keypoints = select_joints(label, JOINTS).round(2)
    bbox = [float(side) for side in whole_box(label)]
    return {
        'keypoints': keypoints.ravel().tolist(),
        'image_id': image_id,
        'id': ann_id,
        'num_keypoints': int(np.count_nonzero(keypoints[:, 2])),
        'bbox': bbox,
        'iscrowd': 0,
        'area': bbox[2] * bbox[3],
        'category_id': 1,
    }


FORMAT = AnimalPoseFormat()
