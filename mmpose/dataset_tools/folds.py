"""Folds of a small dataset: each image is in the validation part of exactly one of them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from mmpose.coco.json_fields import Json
from mmpose.coco.json_file import load_coco
from mmpose.dataset_tools.new_annotations import is_labelled, with_images


def split_into_folds(path: Path, num_folds: int, seed: int) -> tuple[list[dict[str, Json]], str]:
    """Splits a file in COCO's layout by image, or by folder where frames of videos have folders.

    Images of one folder stay together if there are as many folders as folds: neighbouring frames in
    training and validation would flatter a model.

    Args:
        path: The file.
        num_folds: k, number of folds.
        seed: Seed of the draw.

    Returns:
        Contents of 'train' and 'val' of each fold, and a sentence about them.

    Raises:
        ValueError: If there are fewer images with keypoints than folds.
    """
    data = load_coco(path)
    labelled = {ann['image_id'] for ann in data['annotations'] if is_labelled(ann)}
    folders: dict[object, list[object]] = {}
    for image in data['images']:
        folder = PurePosixPath(str(image.get('file_name'))).parent
        folders.setdefault(folder, []).append(image['id'])
    is_by_folder = sum(any(i in labelled for i in ids) for ids in folders.values()) >= num_folds
    groups = list(folders.values()) if is_by_folder else [[i['id']] for i in data['images']]
    with_labels = [group for group in groups if any(i in labelled for i in group)]
    if not 2 <= num_folds <= len(with_labels):
        raise ValueError(
            f'--folds is {num_folds}, expected 2 to {len(with_labels)}, the images of {path} that '
            'have keypoints'
        )
    rng = np.random.default_rng(seed)
    rest = [group for group in groups if group not in with_labels]
    ids_of: list[set[object]] = [set() for _ in range(num_folds)]
    for part in (with_labels, rest):  # each shared out evenly
        for place, row in enumerate(rng.permutation(len(part)).tolist()):
            ids_of[place % num_folds].update(part[row])
    everything = set().union(*ids_of)
    folds = [
        {'train': with_images(data, everything - ids), 'val': with_images(data, ids)}
        for ids in ids_of
    ]
    unit = f'{len(groups)} folders' if is_by_folder else f'{len(groups)} images'
    return folds, f'{unit} of {path} in {num_folds} folds, drawn with seed {seed}'
