"""Pseudo-labels: predicted keypoints that are sure enough to train on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.inference.inferencer import PoseInferencer
from mmpose.apis.inference.output_paths import FreeNames, stem_of
from mmpose.apis.inference.pictures import write_image
from mmpose.apis.inference.sources import Source, paths_of
from mmpose.labelling.label_file import DIGITS, LabelFile
from mmpose.labelling.views import Array, ViewedPoses, keypoint_similarity, open_files, view_all
from mmpose.structures import DatasetMeta
from mmpose.structures.output_files import OutputFiles

Named = tuple[str, ViewedPoses]  # file name; '' of a frame that is not written
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

    Raises:
        ValueError: If a number is out of its range.
    """

    threshold: float = 0.6
    agreement: float = 0.8
    min_track: int = 5

    def __post_init__(self) -> None:
        if not 0.5 <= self.threshold < 1:
            raise ValueError(
                f'the threshold of scores is {self.threshold}, expected 0.5 or more and less than '
                '1: a keypoint of which the model is less certain is more often wrong than right'
            )
        if not 0 <= self.agreement <= 1:
            raise ValueError(f'agreement is {self.agreement}, expected a number from 0 to 1')
        if self.min_track < 1:
            raise ValueError(f'min_track is {self.min_track}, expected 1 or more')

    def tests(
        self, frames: Sequence[ViewedPoses], dataset_meta: DatasetMeta, is_video: bool
    ) -> list[NDArray[np.bool_]]:
        """Returns which keypoints pass which of ``TESTS``: (3, N, K) for each frame of a source."""
        smooth: list[Array] = [np.ones_like(poses.agreement) for poses in frames]
        lengths: dict[int, int] = {}
        if is_video:
            smooth = similarity_over_time(frames, dataset_meta)
            ids, counts = np.unique(
                np.concatenate([x.track_ids for x in frames]), return_counts=True
            )
            lengths = dict(zip(ids.tolist(), counts.tolist(), strict=True))
        found = []
        for poses, over_time in zip(frames, smooth, strict=True):
            is_long = [
                lengths.get(i, self.min_track) >= self.min_track for i in poses.track_ids.tolist()
            ]
            found.append(
                np.stack(
                    [
                        poses.keypoint_scores.round(DIGITS) > self.threshold,
                        poses.agreement >= self.agreement,
                        (over_time >= self.agreement) & np.array(is_long, np.bool_)[:, None],
                    ]
                )
            )
        return found


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
        rows = [
            [poses.track_ids.tolist().index(i) for poses in (before, now, after)]
            for i in now.track_ids.tolist()
            if i in before.track_ids and i in after.track_ids
        ]
        for first, row, last in rows:
            middle = (before.keypoints[[first]] + after.keypoints[[last]]) / 2
            own = now.boxes.xywh[[row]]
            out[row] = keypoint_similarity(now.keypoints[[row]], middle, own, dataset_meta)[0]
    return found


class PseudoLabeller:
    """Writes the pseudo-labels of images or videos.

    Args:
        inferencer: Of a model without flip test, because the mirror image is a view of its own.
        rules: What is accepted.
        every: Of the frames of a video, every so many-th becomes an image; all of them are looked
            at.

    Attributes:
        counts: (4,). Keypoints that were predicted, and that passed each of ``TESTS``.
        num_accepted: Those that passed all.
    """

    def __init__(
        self, inferencer: PoseInferencer, rules: Acceptance | None = None, every: int = 10
    ) -> None:
        if every < 1:
            raise ValueError(f'every is {every}, expected 1 or more')
        self.inferencer = inferencer
        self.rules = rules or Acceptance()
        self.every = every
        self.counts = np.zeros(1 + len(TESTS), np.int64)
        self.num_poses = self.num_accepted = 0
        self.problems: list[str] = []

    def __call__(self, inputs: Sequence[str], out: Path, about: Mapping[str, Any]) -> str:
        """Labels inputs, writes the file, and returns a summary.

        Frames of videos are written into the folder ``NAME_frames`` beside ``NAME.json``.

        Args:
            inputs: Images, folders and patterns of them; or videos.
            out: File of the labels.
            about: Of the model, for ``info`` in the file.

        Raises:
            FileExistsError: If an output would replace a file of the user.
            FileNotFoundError: If an input is missing.
            ValueError: If nothing is accepted.
        """
        sources = open_files(inputs)
        is_video = sources[0].fps is not None
        names = [name for source in sources for name in paths_of(source)]
        folder = out.with_name(f'{out.stem}_frames') if is_video else image_root(names)
        rules = vars(self.rules) | ({'every': self.every} if is_video else {})
        labels = LabelFile(self.inferencer.dataset_meta, {**about, **rules})
        with OutputFiles([*names, *map(str, about.values())]) as files:
            files.claim(out)
            free = FreeNames()
            for source in sources:
                stem = free.take(stem_of(source.name), '') if is_video else ''
                self._label(self._frames(source, stem, folder, files), labels, folder, is_video)
            if not labels.annotations:
                raise ValueError(self._nothing(len(names)))
            labels.write(out)
        return self._summary(labels, out, folder)

    def _frames(self, source: Source, stem: str, folder: Path, files: OutputFiles) -> list[Named]:
        """Returns the poses of a source; of a video, frames with poses are written as images."""
        found = []
        for frame, poses in view_all(self.inferencer, source):
            name = '' if stem else Path(frame.name).relative_to(folder).as_posix()
            if stem and len(poses.boxes) and frame.index % self.every == 0:
                name = f'{stem}_{frame.index:06d}.jpg'
                write_image(files.claim(folder / name), frame.image_bgr)
            found.append((name, poses))
        self.problems += self.inferencer.problems
        return found

    def _label(
        self, frames: Sequence[Named], labels: LabelFile, folder: Path, is_video: bool
    ) -> None:
        all_poses = [poses for _, poses in frames]
        tests = self.rules.tests(all_poses, labels.dataset_meta, is_video)
        for (name, poses), passed in zip(frames, tests, strict=True):
            if not name:
                continue
            accepted = passed.all(axis=0)
            self.num_poses += len(accepted)
            self.num_accepted += int(accepted.sum())
            self.counts += [accepted.size, *passed.sum(axis=(1, 2))]
            if accepted.any():
                labels.add(name, poses, accepted, with_confidence=True)
            elif is_video:
                (folder / name).unlink()

    def _shares(self) -> str:
        total, *passed = self.counts.tolist()
        shares = zip(TESTS, passed, strict=True)
        return ', '.join(f'{name} {num / max(total, 1):.0%}' for name, num in shares)

    def _nothing(self, num_inputs: int) -> str:
        if not self.num_poses:
            return f'no pseudo-label: {num_inputs} inputs, and {self.inferencer.hint}'
        return (
            f'no pseudo-label: of {self.counts[0]} keypoints of {self.num_poses} instances none '
            f'passed all tests ({self._shares()}); lower --threshold (0.5 at least) or '
            '--agreement, or train the model better first'
        )

    def _summary(self, labels: LabelFile, out: Path, folder: Path) -> str:
        lines = [
            f'{len(labels.annotations)} of {self.num_poses} instances in {len(labels.images)} '
            f'images, {self.num_accepted / self.counts[0]:.0%} of their keypoints '
            f'(passed: {self._shares()})',
            f'wrote {out}; train with --pseudo-labels {out} {folder}',
        ]
        return '\n'.join(lines + [f'note: {problem}' for problem in self.problems])


def image_root(names: Sequence[str]) -> Path:
    """Returns the folder that all images are in, themselves or in folders below."""
    return Path(os.path.commonpath([os.path.dirname(name) or '.' for name in names]))
