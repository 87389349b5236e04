"""HTML report of a dataset check."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from math import inf
from pathlib import Path

import numpy as np

from mmpose.dataset_tools.check.issues import ERROR, KINDS, NOTE, WARNING, Issue, IssueLog
from mmpose.dataset_tools.check.split import Split
from mmpose.dataset_tools.check.statistics import Statistics
from mmpose.datasets.transforms import BadImageError
from mmpose.visualization import HtmlReport, Viewport, draw_pose

STATUS_STYLES = {'OK': 'good', 'WARNINGS': 'warn', 'DO NOT TRAIN': 'bad'}
FIRST_ROWS = 20
PICTURES_PER_KIND = 3
PICTURE_HEIGHT = 300
UNDRAWABLE = {'missing_image', 'corrupt_image'}


def write_page(
    path: Path, title: str, log: IssueLog, splits: Sequence[Split], statistics: Sequence[Statistics]
) -> Path:
    """Writes the report as one HTML file and returns its path.

    Args:
        log: The issues; the first of every kind are listed and drawn.
        splits: Where the pictures come from.
        statistics: Counts, one entry per split.
    """
    report = HtmlReport(title)
    totals = Counter(issue.severity for issue in log.issues)
    numbers = f'{totals[ERROR]} errors, {totals[WARNING]} warnings'
    report.summary(f'{log.status}. {numbers}', STATUS_STYLES[log.status])
    _write_overview(report, log, statistics)
    by_name = {split.name: split for split in splits}
    for kind, count in log.counts.items():
        if KINDS[kind].severity != NOTE:
            _write_kind(report, kind, count, log.of_kind(kind), by_name)
    for part in statistics:
        _write_statistics(report, part)
    return report.write(path)


def _write_overview(report: HtmlReport, log: IssueLog, statistics: Sequence[Statistics]) -> None:
    rows = [
        (
            part.split, part.ann_file, part.num_images, part.num_checked, part.num_bare,
            part.num_annotations, part.num_instances,
            '-' if part.num_samples is None else part.num_samples,
        )
        for part in statistics
    ]  # fmt: skip
    report.table(
        ['split', 'file', 'images', 'decoded', 'unused', 'annotations', 'usable', 'samples'], rows
    )
    if not log.counts:
        report.text('Nothing was found.')
        return
    report.heading('What was found')
    kinds = [(*KINDS[kind], count) for kind, count in log.counts.items()]
    report.table(
        ['severity', 'issue', 'count', 'what to do'],
        [(severity, title, count, remedy) for severity, title, remedy, count in kinds],
    )


def _write_kind(
    report: HtmlReport, kind: str, count: int, issues: list[Issue], splits: dict[str, Split]
) -> None:
    about = KINDS[kind]
    report.heading(f'{about.severity}: {about.title} ({count})')
    rows = [
        (p.split, Path(p.file).name, p.entry, p.image, p.found, p.expected)
        for p in issues[:FIRST_ROWS]
    ]
    report.table(['split', 'file', 'entry', 'image', 'found', 'expected'], rows)
    if count > FIRST_ROWS:
        report.text(f'{count - FIRST_ROWS} more are in issues.json.')
    if kind in UNDRAWABLE:
        return
    for issue in [p for p in issues if p.image][:PICTURES_PER_KIND]:
        split = splits.get(issue.split)
        picture = None if split is None else draw_issue(split, issue)
        if picture is not None:
            report.picture(picture, f'{issue.entry}, {issue.image}: {issue.found}')


def draw_issue(split: Split, issue: Issue) -> np.ndarray | None:
    """Returns the image of an issue with its box and labelled keypoints, where it has any.

    Returns:
        (H, W, 3) uint8 BGR of a common height, or None if the image cannot be read.
    """
    try:
        image = split.loader.read(os.path.join(split.image_folder, issue.image))
    except BadImageError:
        return None
    view = Viewport.around(image, (), PICTURE_HEIGHT, inf, inf)
    rows = [row for row in range(len(split.store.ann_ids)) if split.entry(row) == issue.entry]
    if not rows:
        return view.image_bgr
    points, box = split.store.keypoints[rows[0]], split.store.bbox_xywh[rows[0]]
    return draw_pose(
        view.image_bgr,
        view.points(points),
        split.store.keypoints_visible[rows[0]],
        split.dataset_meta,
        bbox_xywh=view.box(box),
        label=issue.entry,
    )


def _write_statistics(report: HtmlReport, part: Statistics) -> None:
    if not part.keypoints:
        return
    report.heading(f'{part.split}: keypoints')
    report.table(
        ['keypoint', 'labelled', 'hidden', 'visible', 'share labelled'],
        [(*row,) for row in part.keypoints],
    )
    report.heading(f'{part.split}: categories')
    report.table(['id', 'name', 'instances', 'share'], part.categories)
    report.heading(f'{part.split}: box sizes (square root of the area)')
    report.table(['size', 'instances'], part.box_sizes)
    if part.sides:
        report.heading(f'{part.split}: left and right')
        report.text(
            'Share of the instances in which the left keypoint is on the right side of the image, '
            'as in a person seen from ahead. A single exchanged annotation cannot be told from an '
            'instance seen from behind; a pair that differs from all others can.'
        )
        report.table(
            ['left', 'right', 'instances', 'share'],
            [(pair.left, pair.right, pair.num_seen, pair.share) for pair in part.sides],
        )
