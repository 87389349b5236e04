"""Pseudo-labels: predicted keypoints that are sure enough to train on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference.inferencer import PoseInferencer
from mmpose.apis.inference.output_paths import FreeNames, stem_of
from mmpose.apis.inference.pictures import write_image
from mmpose.apis.inference.sources import paths_of
from mmpose.labelling.label_file import DIGITS, LabelFile
from mmpose.labelling.views import (
    Array,
    ViewedPoses,
    image_root,
    keypoint_similarity,
    open_files,
    view_all,
)
from mmpose.structures import DatasetMeta
from mmpose.structures.output_files import OutputFiles

TESTS = ('score', 'agreement', 'track')


@dataclass(frozen=True)
class Acceptance:
    """Rules by which a predicted keypoint becomes a label.

    Attributes:
        threshold: Its score is above it. 0.5 at least, below which training draws no target; with
            calibrated scores it is the least probability that the keypoint is right.
        agreement: Its ``ViewedPoses.agreement`` is at least this. In a video, so is its similarity
            to the middle between the frames before and after in its track.
        min_track: Frames of a video that an instance is seen in, at least.
        every: Of the frames of a video, every so many-th becomes an image; all are looked at.

    Raises:
        ValueError: If a number is out of its range.
    """

    threshold: float = 0.6
    agreement: float = 0.8
    min_track: int = 5
    every: int = 10

    def __post_init__(self) -> None:
        if not 0.5 <= self.threshold < 1:
            raise ValueError(
                f'the threshold of scores is {self.threshold}, expected 0.5 or more and less than '
                '1: a keypoint of which the model is less certain is more often wrong than right'
            )
        if not 0 <= self.agreement <= 1:
            raise ValueError(f'agreement is {self.agreement}, expected a number from 0 to 1')
        if min(self.min_track, self.every) < 1:
            raise ValueError(
                f'min_track is {self.min_track} and every {self.every}, expected 1 or more'
            )

    def passed(
        self, frames: Sequence[ViewedPoses], dataset_meta: DatasetMeta, is_video: bool
    ) -> list[NDArray[np.bool_]]:
        """Returns which keypoints pass which of ``TESTS``, (3, N, K) for each frame of a source."""
        steady = [np.ones_like(poses.agreement, np.bool_) for poses in frames]
        if is_video:
            ids = np.concatenate([poses.track_ids for poses in frames])
            steady = [
                (similarity >= self.agreement)
                & ((poses.track_ids[:, None] == ids).sum(axis=1) >= self.min_track)[:, None]
                for poses, similarity in zip(
                    frames, similarity_over_time(frames, dataset_meta), strict=True
                )
            ]
        return [
            np.stack(
                [
                    poses.keypoint_scores.round(DIGITS) > self.threshold,
                    poses.agreement >= self.agreement,
                    own,
                ]
            )
            for poses, own in zip(frames, steady, strict=True)
        ]


def similarity_over_time(frames: Sequence[ViewedPoses], dataset_meta: DatasetMeta) -> list[Array]:
    """Returns how similar the keypoints of a video are to the middle of their neighbours in time.

    Args:
        frames: In order, with track ids.

    Returns:
        (N, K) for each frame, of ``keypoint_similarity``; 0 where the instance is not in the frames
        before and after.
    """
    found = [np.zeros_like(poses.agreement) for poses in frames]
    for before, now, after, out in zip(frames, frames[1:], frames[2:], found[1:], strict=False):
        if after.index - before.index != 2:  # a frame between them is damaged
            continue
        for row, track_id in enumerate(now.track_ids.tolist()):
            first, last = (np.flatnonzero(x.track_ids == track_id) for x in (before, after))
            if len(first) and len(last):
                middle = (before.keypoints[first] + after.keypoints[last]) / 2
                own = now.keypoints[row], middle, now.boxes.xywh[[row]]
                out[row] = keypoint_similarity(*own, dataset_meta)[0]
    return found


def write_pseudo_labels(
    inferencer: PoseInferencer,
    inputs: Sequence[str],
    out: Path,
    rules: Acceptance,
    about: Mapping[str, str],
) -> str:
    """Writes the pseudo-labels of images or videos, and returns a summary.

    Frames of videos are written into the folder ``NAME_frames`` beside ``NAME.json``.

    Args:
        inferencer: Of a model without flip test, because the mirror image is a view of its own.
        inputs: Images, folders and patterns of them; or videos.
        out: File of the labels.
        rules: What is accepted.
        about: See ``about_model``; what is a file is not written over.

    Raises:
        FileExistsError: If an output would replace a file of the user.
        FileNotFoundError: If an input is missing.
        ValueError: If nothing is accepted.
    """
    sources = open_files(inputs)
    is_video = sources[0].fps is not None
    names = [name for source in sources for name in paths_of(source)]
    folder = out.with_name(f'{out.stem}_frames') if is_video else image_root(names)
    labels = LabelFile(inferencer.dataset_meta, {**about, **vars(rules)})
    counts, problems = np.zeros(6, np.int64), []  # poses, keypoints, passed, passed each of TESTS
    stems = FreeNames()
    with OutputFiles([*names, *about.values()]) as files:
        files.claim(out)
        for source in sources:
            stem = stems.take(stem_of(source.name), '') if is_video else ''
            file_names, frames = [], []
            for frame, poses in view_all(inferencer, source):
                name = '' if is_video else Path(frame.name).relative_to(folder).as_posix()
                if is_video and len(poses.boxes) and frame.index % rules.every == 0:
                    name = f'{stem}_{frame.index:06d}.jpg'
                    write_image(files.claim(folder / name), frame.image_bgr)
                file_names.append(name)
                frames.append(poses)
            problems += inferencer.problems
            all_passed = rules.passed(frames, labels.dataset_meta, is_video)
            for name, poses, passed in zip(file_names, frames, all_passed, strict=True):
                if not name:
                    continue
                accepted = passed.all(axis=0)
                own = [len(accepted), accepted.size, accepted.sum(), *passed.sum(axis=(1, 2))]
                counts += np.array(own, np.int64)
                if accepted.any():
                    labels.add(name, poses, accepted, with_confidence=True)
                elif is_video:
                    (folder / name).unlink()
        num_poses, num_keypoints, num_accepted, *each = counts.tolist()
        if not num_poses:
            raise ValueError(f'no pseudo-label: {len(names)} inputs, and {inferencer.hint}')
        pairs = list(zip(TESTS, each, strict=True))[: 3 if is_video else 2]
        shares = ', '.join(f'{test} {num / num_keypoints:.0%}' for test, num in pairs)
        if not num_accepted:
            raise ValueError(
                f'no pseudo-label: of {num_keypoints} keypoints of {num_poses} instances none '
                f'passed all tests (passed each: {shares}); lower --threshold (0.5 at least) or '
                '--agreement, or train the model better first'
            )
        labels.write(out)
    lines = [
        f'{len(labels.annotations)} of {num_poses} instances in {len(labels.images)} images, '
        f'{num_accepted / num_keypoints:.0%} of their keypoints (passed each: {shares})',
        f'wrote {out}; train with --pseudo-labels {out} {folder}',
    ]
    return '\n'.join(lines + [f'note: {problem}' for problem in problems])
