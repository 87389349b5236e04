"""Kinds of dataset issues, and the log of those that were found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

SEVERITIES = ERROR, WARNING, NOTE = 'error', 'warning', 'note'
KEPT_NOTES = 100  # of every kind; the rest is only counted
STATUSES = {ERROR: 'DO NOT TRAIN', WARNING: 'WARNINGS', NOTE: 'OK'}


class Kind(NamedTuple):
    """Kind of issue.

    Attributes:
        severity: 'error' if training stops or learns something wrong, 'warning' if someone should
            look, 'note' if it is usual and only counted.
        title: What is wrong, in a few words.
        remedy: What to do about it.
    """

    severity: str
    title: str
    remedy: str


KINDS: dict[str, Kind] = {kind: Kind(*row) for kind, row in {
    'unreadable_annotations': (ERROR, 'annotation file cannot be read',
        'fix the file or the path in the config'),
    'reader_refuses': (ERROR, 'the dataset reader stops',
        'training would stop with the same message'),
    'malformed_image_entry': (ERROR, 'malformed image entry', 'fix the entry in the JSON'),
    'malformed_annotation': (ERROR, 'malformed annotation', 'fix the entry in the JSON'),
    'wrong_keypoint_count': (ERROR, 'wrong number of keypoints',
        'set dataset.metainfo to the skeleton of this file'),
    'bad_box': (ERROR, 'box is NaN or negative', 'fix or remove the annotation'),
    'bad_keypoints': (ERROR, 'keypoints cannot be read', 'fix the annotation'),
    'bad_visibility': (WARNING, 'visibility is not 0, 1 or 2', 'fix the annotation'),
    'duplicate_image_id': (ERROR, 'image id occurs twice', 'give every image its own id'),
    'duplicate_annotation_id': (ERROR, 'annotation id occurs twice',
        'give every annotation its own id'),
    'repeated_annotation_id': (WARNING, 'annotation id occurs in several images',
        'PCK, AUC, EPE and NME need an id of its own for every annotation'),
    'unlisted_image': (ERROR, 'annotation on an image that is not listed',
        'list the image or drop the annotation'),
    'missing_image': (ERROR, 'image file is missing',
        'set dataset.data_root and dataset.data_prefix.img, or fetch it'),
    'corrupt_image': (ERROR, 'image is damaged or truncated', 'fetch the file again'),
    'image_size': (ERROR, 'image has another size than annotated',
        'use the images that were annotated'),
    'flip_pairs': (ERROR, 'flip pairs contradict the names',
        'fix the swap column of the skeleton table'),
    'leak': (ERROR, 'the same image is in both splits',
        'remove it from one; its score means nothing'),
    'few_leaks': (WARNING, 'the same image is in both splits (under 1 %)',
        'remove it from one of them'),
    'near_leak': (WARNING, 'looks like a re-encoded copy in both splits',
        'look at both: remove one, or hold out a whole video'),
    'duplicate_image': (WARNING, 'same picture under two names',
        'keep one; annotations may contradict each other'),
    'duplicate_file_name': (WARNING, 'file name occurs twice', 'list every image once'),
    'exif_rotation': (WARNING, 'image is turned by its EXIF orientation',
        'look whether the keypoints fit the upright picture (tools/browse_dataset.py)'),
    'duplicate_annotation': (WARNING, 'annotation occurs twice', 'drop one of them'),
    'empty_box': (WARNING, 'box or area is empty', 'it is left out; fix the annotation'),
    'box_outside_image': (WARNING, 'box lies outside the image',
        'it is left out; is it [x, y, width, height]?'),
    'box_leaves_image': (WARNING, 'more than a tenth of the box is outside the image',
        'it is clipped; is it [x, y, width, height] rather than corners?'),
    'keypoint_outside_box': (WARNING, 'labelled keypoint far outside its box',
        'fix the box or the keypoint'),
    'keypoint_outside_image': (WARNING, 'labelled keypoint outside the image',
        'set its visibility to 0, or fix it'),
    'no_visible_keypoint': (WARNING, 'no labelled keypoint although num_keypoints promises some',
        'it is left out'),
    'empty_target': (WARNING, 'all labelled keypoints leave the crop',
        'it teaches nothing; fix the box'),
    # CrowdPose leaves head and neck out, others what is hidden; only 0 has a meaning
    'num_keypoints': (NOTE, 'num_keypoints is not the number of labelled keypoints',
        'fix the field if it is yours'),
    'unknown_category': (WARNING, 'category is not listed', 'list it under categories'),
    'keypoint_names': (ERROR, 'keypoints are in another order than in the skeleton',
        'set dataset.metainfo to the skeleton of this file'),
    'left_right': (WARNING,
        'left and right of a pair stand the other way round than those of the other pairs',
        'look at pictures; the pair may be exchanged in the table or in the annotations'),
    'sigmas': (WARNING, 'sigmas are missing or meaningless',
        'OKS and AP of this skeleton mean little'),
    'unlabelled': (NOTE, 'no keypoint is labelled', 'left out, as usual'),
    'no_area': (NOTE, 'annotations without area', 'the area of the box stands for it'),
    'crowd': (NOTE, 'crowd region', 'left out, as usual'),
}.items()}  # fmt: skip


@dataclass(frozen=True)
class Issue:
    """Issue of a dataset.

    Attributes:
        kind: Key of ``KINDS``.
        split: train, val or test.
        file: File to fix: annotation file, image or skeleton table.
        entry: Where in the file, such as ``annotation 12``; '' for the whole file.
        image: File name of the image concerned, '' if none.
        found: What is there.
        expected: What should be.
    """

    kind: str
    split: str
    file: str
    entry: str
    found: str
    expected: str
    image: str = ''

    @property
    def severity(self) -> str:
        """'error', 'warning' or 'note'."""
        return KINDS[self.kind].severity

    def __str__(self) -> str:
        place = ', '.join(part for part in (self.entry, self.image) if part)
        where = f'{self.file}: {place}' if place else self.file
        return f'[{self.split}] {where}: {self.found}, expected {self.expected}'


class IssueLog:
    """All issues of a dataset in the order in which they were found, and a few of the notes."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._counts: Counter[str] = Counter()

    def add(self, issue: Issue) -> None:
        """Adds an issue."""
        self._counts[issue.kind] += 1
        if issue.severity != NOTE or self._counts[issue.kind] <= KEPT_NOTES:
            self.issues.append(issue)

    @property
    def counts(self) -> dict[str, int]:
        """Number of issues per kind, the worst kinds first."""
        worst_first = sorted(KINDS, key=lambda kind: SEVERITIES.index(KINDS[kind].severity))
        return {kind: self._counts[kind] for kind in worst_first if self._counts[kind]}

    @property
    def status(self) -> str:
        """OK, WARNINGS or DO NOT TRAIN."""
        return STATUSES[next((KINDS[kind].severity for kind in self.counts), NOTE)]

    def of_kind(self, kind: str) -> list[Issue]:
        """Returns the issues of one kind."""
        return [issue for issue in self.issues if issue.kind == kind]

    def text(self, first: int = 5) -> str:
        """Returns the counts, and the first issues of every kind, for a terminal."""
        lines = []
        for kind, count in self.counts.items():
            about = KINDS[kind]
            lines.append(f'{about.severity}: {about.title}: {count} ({about.remedy})')
            if about.severity == NOTE:
                continue
            lines += [f'    {issue}' for issue in self.of_kind(kind)[:first]]
            if count > first:
                lines.append(f'    ... and {count - first} more')
        return '\n'.join(lines)

    def write(self, path: Path, about: Mapping[str, object]) -> None:
        """Writes every issue as JSON.

        Args:
            about: Further entries of the top-level object.
        """
        content = {
            'status': self.status,
            'counts': self.counts,
            **about,
            'issues': [{'severity': issue.severity, **asdict(issue)} for issue in self.issues],
        }
        path.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
