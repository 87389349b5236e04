"""Active learning: picks the images whose labels would teach a model most."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mmpose.apis.inference.images import read_image
from mmpose.apis.inference.inferencer import PoseInferencer
from mmpose.apis.inference.pictures import write_image
from mmpose.apis.inference.predictor import PosePredictor
from mmpose.apis.inference.sources import paths_of
from mmpose.backends import PoseBackend
from mmpose.dataset_tools.convert import convert_annotations
from mmpose.dataset_tools.convert.label_studio import config_path
from mmpose.labelling.label_file import LabelFile
from mmpose.labelling.views import (
    Array,
    ViewedPoses,
    image_root,
    keypoint_similarity,
    open_files,
    view_all,
)
from mmpose.structures import DatasetMeta, Frame, PoseResult
from mmpose.structures.output_files import OutputFiles
from mmpose.visualization import draw_results
from mmpose.visualization.grid import make_grid

TOOL_FILES = {'cvat': 'annotations.xml', 'label_studio': 'tasks.json'}
TILE_HW = (200, 240)


@dataclass(frozen=True, eq=False)
class Candidate:
    """An image that may be picked.

    Attributes:
        path: The image.
        poses: Its instances.
        uncertainty: 0 to 1, of the instance of which the model is least sure: 1 minus the mean over
            its keypoints of score x agreement of the views x similarity to the second model.
        similarity: 0 to 1. Mean similarity to the second model of that instance; 1 without one.
        feature: (C,). Mean over the instances of the pooled backbone features, each of length 1.
    """

    path: str
    poses: ViewedPoses
    uncertainty: float
    similarity: float
    feature: NDArray[np.float32]


def pick_images(
    inferencer: PoseInferencer,
    inputs: Sequence[str],
    num: int,
    out_dir: Path,
    about: Mapping[str, str],
    tool: str | None = None,
    second: PoseBackend | None = None,
    kpt_threshold: float = 0.3,
) -> str:
    """Picks images by uncertainty and diversity, and returns a summary of what it has written.

    That is ``picked.csv``, the images in ``images/``, ``contact_sheet.jpg``, the predictions in
    ``predictions.json`` (COCO), and for an annotation tool.

    Args:
        inferencer: Of a PyTorch model without flip test.
        inputs: Images, folders and patterns of them.
        num: Images to pick.
        about: See ``about_model``; what is a file is not written over.
        tool: ``cvat`` or ``label_studio``.
        second: Another model of the same skeleton, or another checkpoint of the same model.
        kpt_threshold: Predicted keypoints with a lower score are left to the annotator.

    Raises:
        FileExistsError: If an output would replace a file of the user.
        FileNotFoundError: If an input is missing.
        ValueError: If there is no image with an instance, or the skeletons differ.
    """
    dataset_meta = inferencer.dataset_meta
    if second is not None and second.dataset_meta != dataset_meta:
        raise ValueError(
            f"--model has the skeleton '{dataset_meta.name}' and --model2 "
            f"'{second.dataset_meta.name}'; expected two models of one skeleton"
        )
    if num < 1:
        raise ValueError(f'{num} images are to be picked, expected 1 or more')
    [source, *_] = open_files(inputs)
    if source.fps is not None:
        raise ValueError(f"'{source.name}' is a video; expected images, such as ffmpeg makes")
    names = paths_of(source)
    table, sheet, predictions = paths = [
        out_dir / name for name in ('picked.csv', 'contact_sheet.jpg', 'predictions.json')
    ]
    if tool:
        target = out_dir / TOOL_FILES[tool]
        paths += [target, config_path(target)][: 2 if tool == 'label_studio' else 1]
    with OutputFiles([*names, *about.values()]) as files:
        for path in paths:
            files.claim(path)
        other = None if second is None else PosePredictor(second)
        found = [
            _candidate(inferencer, other, frame, poses)
            for frame, poses in view_all(inferencer, source)
            if len(poses.boxes)
        ]
        if not found:
            raise ValueError(f'{len(names)} images were looked at, and {inferencer.hint}')
        picked = _choose(found, num, image_root(names))
        labels = LabelFile(dataset_meta, about)
        for name, one in picked.items():
            copy = files.claim(out_dir / 'images' / name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one.path, copy)
            labels.add(name.as_posix(), one.poses, one.poses.keypoint_scores >= kpt_threshold)
        labels.write(predictions)
        _draw(list(picked.values()), dataset_meta, kpt_threshold, sheet)
        _write_table(picked, table)
        if tool:
            if not labels.annotations:
                raise ValueError(
                    f'no predicted keypoint has a score of {kpt_threshold}, so there is nothing to '
                    f'write for {tool}; lower --kpt-thr or label from scratch'
                )
            convert_annotations(predictions, target, 'coco', tool, overwrite=True)
    lines = [f'{len(picked)} of {len(found)} images with instances ({len(names)} in all)']
    lines += [f'wrote {path}' for path in (*paths, out_dir / 'images')]
    return '\n'.join(lines + [f'note: {problem}' for problem in inferencer.problems])


def _candidate(
    inferencer: PoseInferencer, second: PosePredictor | None, frame: Frame, poses: ViewedPoses
) -> Candidate:
    certainty = poses.keypoint_scores.clip(0, 1) * poses.agreement
    similarity = np.ones_like(certainty)
    if second is not None:
        [others] = second([frame], [poses.boxes])
        keypoints, box = np.array([pose.keypoints for pose in others]), poses.boxes.xywh
        similarity = keypoint_similarity(keypoints, poses.keypoints, box, inferencer.dataset_meta)
    sure = np.nan_to_num(certainty * similarity).mean(axis=1)
    worst = int(sure.argmin())
    feature = pooled_features(inferencer.predictor, frame, poses)
    return Candidate(
        frame.name, poses, 1 - float(sure[worst]), float(similarity[worst].mean()), feature
    )


def _choose(found: Sequence[Candidate], num: int, root: Path) -> dict[Path, Candidate]:
    """Returns the candidates to pick in their order, by their names below a folder."""
    features = np.array([one.feature for one in found])
    uncertainty = np.array([one.uncertainty for one in found])
    order = farthest_first(features, uncertainty, min(num, len(found))).tolist()
    return {Path(found[row].path).relative_to(root): found[row] for row in order}


def _write_table(picked: Mapping[Path, Candidate], path: Path) -> None:
    with path.open('w', encoding='utf-8', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(['rank', 'image', 'uncertainty', 'similarity'])
        for rank, (name, one) in enumerate(picked.items(), 1):
            numbers = f'{one.uncertainty:.4f}', f'{one.similarity:.4f}'
            rows.writerow([rank, name.as_posix(), *numbers])


def _draw(
    picked: Sequence[Candidate], dataset_meta: DatasetMeta, kpt_threshold: float, path: Path
) -> None:
    tiles, titles = [], []
    for rank, one in enumerate(picked, 1):
        poses = one.poses
        each = zip(poses.keypoints, poses.keypoint_scores, poses.boxes.xywh, strict=True)
        results = [PoseResult(one.path, row, 1, *own) for row, own in enumerate(each)]
        tiles.append(draw_results(read_image(one.path), results, dataset_meta, kpt_threshold))
        titles.append(f'{rank}: {one.uncertainty:.2f}')
    columns = math.ceil(math.sqrt(len(tiles)))
    write_image(path, make_grid(tiles, columns, titles=titles, tile_hw=TILE_HW))


def farthest_first(features: Array, weights: Array, num: int) -> NDArray[np.int64]:
    """Returns ``num`` rows that have large weights and lie apart, in the order of the picks.

    The first one has the largest weight; each further one maximises its weight times its distance
    to the nearest one that was picked. With equal weights that is the greedy k-center of core-sets
    (Sener & Savarese, ICLR 2018).

    Args:
        features: (I, C).
        weights: (I,), not negative.
        num: At most I.
    """
    picked: list[int] = []
    distance = np.ones(len(features))
    is_free = np.ones(len(features), np.bool_)
    for _ in range(num):
        best = int(np.where(is_free, weights * distance, -1).argmax())
        own = np.linalg.norm(features - features[best], axis=1)
        distance = np.minimum(distance, own) if picked else own
        picked.append(best)
        is_free[best] = False
    return np.array(picked, np.int64)


@torch.inference_mode()
def pooled_features(
    predictor: PosePredictor, frame: Frame, poses: ViewedPoses
) -> NDArray[np.float32]:
    """Returns the mean over instances of their backbone features, (C,), each of length 1."""
    model = predictor.backend.model  # type: ignore[attr-defined]  # exported ones are refused
    crops = predictor.crops(frame, poses.boxes).to(predictor.backend.device)
    maps = model.extract_feat(model.data_preprocessor.normalize(crops))
    maps = maps if isinstance(maps, torch.Tensor) else maps[-1]
    pooled = torch.nn.functional.normalize(maps.float().mean(dim=(2, 3)))  # (N, C, H, W) -> (N, C)
    return pooled.mean(dim=0).cpu().numpy()
