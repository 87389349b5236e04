"""Crops on which an exported program is compared with PyTorch, and calibrated."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from mmpose.apis.inference.predictor import crop_image
from mmpose.datasets.transforms.condition import draw_condition
from mmpose.metainfo import load_metainfo
from mmpose.structures import Boxes, CropWindow
from mmpose.structures.media_files import IMAGE_SUFFIXES
from toy_pose.scene import render_scene


def load_crops(folder: str | Path | None, num: int, input_size: tuple[int, int]) -> Tensor:
    """Returns crops (N, 3, h, w) uint8 BGR of people, N <= ``num``.

    Args:
        folder: Images of one person each, of which the first ones by name are taken as a whole;
            None takes generated people.
        num: Number of crops at most.
        input_size: Width and height of a crop, px.

    Raises:
        FileNotFoundError: If the folder holds no image.
        ValueError: If an image cannot be read.
    """
    if folder is None:
        people, padding = _generated(num), 1.25
    else:
        people, padding = _of_folder(Path(folder), num), 1.0
    windows = [CropWindow.from_bbox(box, input_size, padding) for _, box in people]
    crops = [crop_image(image, window) for (image, _), window in zip(people, windows, strict=True)]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()  # -> (N, 3, h, w)


def with_condition(crops: Tensor, padding: float) -> Tensor:
    """Returns crops (N, 5, h, w) with conditions: the box, and one half as that of another."""
    input_size = crops.shape[3], crops.shape[2]
    window = CropWindow(np.divide(input_size, 2), input_size, input_size)
    own_wh = np.divide(input_size, padding)
    boxes = np.array([[*(input_size - own_wh) / 2, *own_wh], [0, 0, *own_wh]])
    maps = torch.from_numpy(draw_condition(window, boxes)).permute(2, 0, 1)
    return torch.cat([crops, maps.expand(len(crops), -1, -1, -1)], dim=1)


def _of_folder(folder: Path, num: int) -> list[tuple[np.ndarray, np.ndarray]]:
    if not folder.is_dir():
        raise FileNotFoundError(f"'{folder}' is no folder; expected one with images of people")
    files = sorted(x for x in folder.rglob('*') if x.suffix.lower() in IMAGE_SUFFIXES)[:num]
    if not files:
        raise FileNotFoundError(f"'{folder}' holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
    people = []
    for file in files:
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"'{file}' cannot be read as an image; remove it from the folder")
        people.append((image, Boxes.whole_image(image.shape[1::-1]).xywh[0]))
    return people


def _generated(num: int) -> list[tuple[np.ndarray, np.ndarray]]:
    names = load_metainfo('coco').keypoint_names
    people: list[tuple[np.ndarray, np.ndarray]] = []
    rng = np.random.default_rng(0)
    while len(people) < num:
        scene = render_scene(rng, names)
        image = cv2.imdecode(np.frombuffer(scene.jpeg, np.uint8), cv2.IMREAD_COLOR)
        people += [(image, np.array(person.bbox_xywh)) for person in scene.persons]
    return people[:num]
