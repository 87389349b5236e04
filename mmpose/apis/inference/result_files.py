"""Result files of inference: COCO results, JSON lines, CSV, NPZ, the JSON of MMPose."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from mmpose.apis.inference.output_paths import FreeNames, stem_of
from mmpose.apis.inference.sequence import FrameResult
from mmpose.structures import DatasetMeta, PoseResult
from mmpose.structures.output_files import OutputFiles
from mmpose.structures.pose_result import VISIBILITIES

MIN_SCORE = 0.2  # of the keypoints that count for the score of a pose, as in COCO's evaluation
DIGITS = 3  # of a px, and of a score


class ResultFile(Protocol):
    """Gets every frame of a run, in order, and is closed at its end, also after an error."""

    path: Path

    def add(self, result: FrameResult, image_id: int) -> None:
        """Takes the poses of a frame."""
        ...

    def close(self) -> None:
        """Completes the file."""
        ...


class CocoFile:
    """Poses in the layout of COCO's result files, which ``tools/evaluate.py`` reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open('w', encoding='utf-8')
        self._file.write('[')
        self._is_empty = True

    def add(self, result: FrameResult, image_id: int) -> None:
        """Writes the poses of a frame; a pose without a single number is left out."""
        for pose in result.poses:
            is_finite = np.isfinite(pose.keypoints).all(axis=1) & np.isfinite(pose.keypoint_scores)
            triples = np.column_stack([pose.keypoints, pose.keypoint_scores])
            triples[~is_finite] = 0  # 0, 0 with score 0 is how COCO says that there is nothing
            record = {
                'image_id': image_id,
                'category_id': pose.category_id,
                'keypoints': rounded(triples.ravel()),
                'score': rounded(score_of(pose)),
                'bbox': rounded(pose.bbox_xywh),
            }
            if pose.track_id is not None:
                record['track_id'] = pose.track_id
            self._file.write(f'{"" if self._is_empty else ","}\n{json.dumps(record)}')
            self._is_empty = False

    def close(self) -> None:
        """Ends the list."""
        self._file.write('\n]\n')
        self._file.close()


class JsonLinesFile:
    """A JSON object per frame and line, also for frames without instances."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open('w', encoding='utf-8')

    def add(self, result: FrameResult, image_id: int) -> None:
        """Writes the line of a frame, at once, so that others can follow the file."""
        frame = result.frame
        record = {
            'source': frame.name,
            'frame': frame.index,
            'image_id': image_id,
            'time_s': round(frame.time_s, 6),
            'width': frame.image_wh[0],
            'height': frame.image_wh[1],
            'poses': [_as_dict(pose) for pose in result.poses],
        }
        if result.problem:
            record['problem'] = result.problem
        self._file.write(json.dumps(record, allow_nan=False) + '\n')
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class CsvFile:
    """CSV file, a row per instance with three columns per keypoint; no number is an empty cell.

    Where a model says more of a keypoint it has up to four columns more: sigma_px and three
    probabilities.
    """

    def __init__(self, path: Path, dataset_meta: DatasetMeta) -> None:
        self.path = path
        self._file = path.open('w', encoding='utf-8', newline='')
        self._rows = csv.writer(self._file)
        self._names = dataset_meta.keypoint_names
        self._has_header = False

    def _write_header(self, parts: Sequence[str] = ()) -> None:
        header = ['source', 'frame', 'image_id', 'time_s', 'person', 'track_id', 'category_id']
        header += ['bbox_left', 'bbox_top', 'bbox_width', 'bbox_height', 'bbox_score', 'score']
        header += [f'{x}_{part}' for x in self._names for part in ('x', 'y', 'score', *parts)]
        self._rows.writerow(header)
        self._has_header = True

    def add(self, result: FrameResult, image_id: int) -> None:
        """Writes the rows of a frame."""
        frame = result.frame
        for number, pose in enumerate(result.poses):
            said = said_of(pose)
            if not self._has_header:  # only a pose tells which columns there are
                parts = {'sigma_px': ('sigma_px',), 'visibility': VISIBILITIES}
                self._write_header([part for name in said for part in parts[name]])
            columns = [pose.keypoints, pose.keypoint_scores, *said.values()]
            numbers = np.column_stack(columns).ravel()
            cells = [frame.name, frame.index, image_id, round(frame.time_s, 6), number]
            cells += [pose.track_id, pose.category_id, *rounded(pose.bbox_xywh)]
            self._rows.writerow(
                [*cells, rounded(pose.bbox_score), rounded(score_of(pose)), *rounded(numbers)]
            )

    def close(self) -> None:
        """Closes the file."""
        if not self._has_header:
            self._write_header()
        self._file.close()


class NpzFile:
    """All poses as arrays, N instances in F frames; kept in memory until the end.

    ``keypoints`` (N, K, 2), img px, ``keypoint_scores`` (N, K), ``bbox_xywh`` (N, 4),
    ``bbox_score`` (N,), ``category_id`` (N,), ``track_id`` (N,), -1 for none, ``frame_row`` (N,),
    the row of the frame in ``source`` (F,), ``frame`` (F,), ``image_id`` (F,), ``time_s`` (F,);
    ``keypoint_names`` (K,) and ``skeleton_links`` (L, 2). Where the model says them also
    ``sigma_px`` (N, K) and ``visibility`` (N, K, 3).
    """

    def __init__(self, path: Path, dataset_meta: DatasetMeta) -> None:
        self.path = path
        self._dataset_meta = dataset_meta
        self._frames: list[tuple[str, int, int, float]] = []
        self._poses: list[tuple[int, PoseResult]] = []

    def add(self, result: FrameResult, image_id: int) -> None:
        """Keeps the poses of a frame."""
        frame = result.frame
        self._poses += [(len(self._frames), pose) for pose in result.poses]
        self._frames.append((frame.name, frame.index, image_id, frame.time_s))

    def close(self) -> None:
        """Writes the file."""
        poses, num_keypoints = [pose for _, pose in self._poses], self._dataset_meta.num_keypoints

        def of_poses(values: Sequence[Any], dtype: Any, *shape: int) -> np.ndarray:
            return np.array(values, dtype).reshape(len(poses), *shape)

        ids = [-1 if pose.track_id is None else pose.track_id for pose in poses]
        said = {name: np.stack([said_of(x)[name] for x in poses]) for name in said_of(*poses[:1])}
        names, numbers, image_ids, times = ([x[i] for x in self._frames] for i in range(4))
        np.savez_compressed(
            self.path,
            keypoints=of_poses([x.keypoints for x in poses], np.float32, num_keypoints, 2),
            keypoint_scores=of_poses([x.keypoint_scores for x in poses], np.float32, num_keypoints),
            bbox_xywh=of_poses([x.bbox_xywh for x in poses], np.float32, 4),
            bbox_score=of_poses([x.bbox_score for x in poses], np.float32),
            category_id=of_poses([x.category_id for x in poses], np.int64),
            track_id=of_poses(ids, np.int64),
            frame_row=of_poses([row for row, _ in self._poses], np.int64),
            source=np.array(names, np.str_),
            frame=np.array(numbers, np.int64),
            image_id=np.array(image_ids, np.int64),
            time_s=np.array(times, np.float64),
            keypoint_names=np.array(self._dataset_meta.keypoint_names, np.str_),
            skeleton_links=self._dataset_meta.skeleton_links,
            **said,
        )


class OfHead:
    """Result file that gets the poses of one head of a model with a head per category."""

    def __init__(self, file: CsvFile | NpzFile, dataset_idx: int) -> None:
        self.path = file.path
        self._file = file
        self._dataset_idx = dataset_idx

    def add(self, result: FrameResult, image_id: int) -> None:
        """Takes the poses of a frame."""
        own = [pose for pose in result.poses if pose.dataset_idx == self._dataset_idx]
        self._file.add(replace(result, poses=own), image_id)

    def close(self) -> None:
        """Completes the file."""
        self._file.close()


class MmposeFolder:
    """A JSON file per image or video with the fields of MMPose's inferencer.

    Of an image it is a list of instances, of a video a list of ``{frame_id, instances}``. Inputs
    of the same stem get numbers.
    """

    def __init__(self, path: Path, files: OutputFiles, taken: Iterable[str] = ()) -> None:
        self.path = path
        self._files = files
        self._names = FreeNames(taken)
        self._name = ''
        self._frames: list[dict[str, Any]] = []
        self._is_video = False

    def add(self, result: FrameResult, image_id: int) -> None:
        """Keeps the poses of a frame, and writes the file of what came before it."""
        frame = result.frame
        if frame.name != self._name or frame.time_s == 0:  # an image, or the start of a video
            self._write()
            self._name, self._is_video = frame.name, False
        self._is_video |= frame.time_s > 0
        instances = [
            {
                'keypoints': rounded(pose.keypoints),
                'keypoint_scores': rounded(pose.keypoint_scores),
                'bbox': [
                    rounded(np.r_[pose.bbox_xywh[:2], pose.bbox_xywh[:2] + pose.bbox_xywh[2:]])
                ],
                'bbox_score': rounded(pose.bbox_score),
                **{name: rounded(values) for name, values in said_of(pose).items()},
                **({'category_id': pose.category_id} if result.heads else {}),
            }
            for pose in result.poses
        ]
        self._frames.append({'frame_id': frame.index, 'instances': instances})

    def close(self) -> None:
        """Writes the last file."""
        self._write()

    def _write(self) -> None:
        if self._frames:
            content = self._frames if self._is_video else self._frames[0]['instances']
            target = self._files.claim(self.path / self._names.take(stem_of(self._name), '.json'))
            target.write_text(json.dumps(content, allow_nan=False) + '\n', encoding='utf-8')
        self._frames = []


def score_of(pose: PoseResult) -> float:
    """Returns the score of a pose: box score times the mean score of its confident keypoints.

    Of a calibrated model it is the box score times the expected OKS.
    """
    if pose.pose_score is not None:
        return pose.bbox_score * pose.pose_score
    certain = pose.keypoint_scores[pose.keypoint_scores > MIN_SCORE]
    return pose.bbox_score * float(certain.mean()) if len(certain) else 0.0


def said_of(pose: PoseResult | None = None) -> dict[str, np.ndarray]:
    """Returns what a model says of each keypoint beside place and score, (K,) or (K, 3)."""
    named = {name: getattr(pose, name, None) for name in ('sigma_px', 'visibility')}
    return {name: values for name, values in named.items() if values is not None}


def rounded(values: ArrayLike) -> Any:
    """Returns a number, or nested lists of numbers, for JSON: None where it is not finite."""
    array = np.asarray(values, np.float64)
    numbers = np.round(array, DIGITS).astype(object)
    numbers = np.where(np.isfinite(array), numbers, None)
    return numbers.tolist()


def _as_dict(pose: PoseResult) -> dict[str, Any]:
    return {
        'track_id': pose.track_id,
        'category_id': pose.category_id,
        'bbox': rounded(pose.bbox_xywh),
        'bbox_score': rounded(pose.bbox_score),
        'score': rounded(score_of(pose)),
        'keypoints': rounded(np.column_stack([pose.keypoints, pose.keypoint_scores])),
        **{name: rounded(values) for name, values in said_of(pose).items()},
    }
