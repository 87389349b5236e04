"""The metrics of HumanArt: overall, per scenario and per group of scenarios, from one matching.

Ju et al., CVPR 2023 (https://idea-research.github.io/HumanArt). A file name ends in
``<group>/<scenario>/<image>``: the groups are 2D_virtual_human, 3D_virtual_human and real_human.
The published metrics of a scenario come from a file with its images alone, which gives the same.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import IdArray, KeypointDetections, KeypointGroundTruth
from mmpose.evaluation.functional.coco_ap import match_poses

FILE_NAME = 'file_name'


def evaluate_humanart(
    gt: KeypointGroundTruth, dt: KeypointDetections, sigmas: npt.NDArray[np.floating]
) -> dict[str, float]:
    """AP of all images, of each group and of each scenario.

    Args:
        gt: Ground truth with ``file_name`` among ``image_extras``.
        sigmas: (K,). OKS constants of the skeleton.

    Returns:
        The ten COCO metrics ``AP``, ``AP .5``, ..., then ``{group} AP`` of each group and
        ``{scenario} AP`` of each scenario in alphabetic order, such as ``real_human AP`` and
        ``cartoon AP``; all in [0, 1], or -1 where nothing is annotated.

    Raises:
        ValueError: If a file name has no folder, or the parts do not fit together.
    """
    images_of = {**_images_by_folder(gt, 2), **_images_by_folder(gt, 1)}
    matched = match_poses(gt, dt, sigmas)
    metrics = matched.scores().summary()
    for folder, image_ids in images_of.items():
        metrics[f'{folder} AP'] = matched.scores(image_ids).summary()['AP']
    return metrics


def _images_by_folder(gt: KeypointGroundTruth, level: int) -> dict[str, IdArray]:
    """Ids of the images below each folder that is ``level`` above the files, by its name."""
    if FILE_NAME not in gt.image_extras:
        raise ValueError(
            f"{gt.source}: the images came without '{FILE_NAME}', which names their scenario"
        )
    names = gt.image_extras[FILE_NAME].tolist()
    parts = [PurePosixPath(name).parts for name in names]
    short = [name for name, path in zip(names, parts, strict=True) if len(path) < 3]
    if short:
        raise ValueError(
            f"{gt.source}: file_name '{short[0]}' names no scenario; expected "
            '<group>/<scenario>/<image> at its end, as in the annotation files of HumanArt'
        )
    folders = np.array([path[-1 - level] for path in parts])
    return {str(name): gt.image_ids[folders == name] for name in np.unique(folders)}
