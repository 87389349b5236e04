"""Content of the error report: data for JSON, tables, a summary in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.analysis.error_pictures import TITLES
from mmpose.evaluation.functional.coco_matching import image_index
from mmpose.evaluation.functional.error_correction import CORRECTIONS
from mmpose.evaluation.functional.error_kinds import KEYPOINT_KINDS, counted
from mmpose.evaluation.functional.oks_errors import (
    ErrorAnalysis,
    count_errors,
    crowding_table,
    image_losses,
    keypoint_table,
    lost_oks,
    size_table,
)
from mmpose.structures import DatasetMeta
from mmpose.visualization import HtmlReport

_REMEDIES = {
    'score': 'Perfect confidence scores',
    'false_positive': 'Leaving out the false positives',
    'false_negative': 'Finding the missed people',
}


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes:
        heading: What it is about.
        explanation: How to read it.
        columns: Their names.
        rows: Text and whole numbers.
    """

    heading: str
    explanation: str
    columns: list[str]
    rows: list[list[Any]]

    def add_to(self, page: HtmlReport, is_part: bool = False) -> None:
        """Adds the table to a page as a section, or as a part of one."""
        (page.subheading if is_part else page.heading)(self.heading)
        page.text(self.explanation)
        page.table(self.columns, self.rows)


@dataclass(frozen=True)
class WorstImage:
    """An image with errors.

    Attributes:
        image_id, file_name: Of the annotation file.
        loss: Of ``image_losses``.
        people: (g,). Rows of its annotations.
        poses: (d,). Rows of its detections.
        counts: Errors by kind.
    """

    image_id: int | str
    file_name: str
    loss: float
    people: NDArray[np.integer]
    poses: NDArray[np.integer]
    counts: dict[str, int]


def find_worst_images(
    analysis: ErrorAnalysis, file_names: dict[int | str, str], num_worst: int
) -> list[WorstImage]:
    """Returns the images with the highest loss, worst first; those without errors are left out."""
    losses = image_losses(analysis)
    worst = np.argsort(-losses, kind='stable')[:num_worst]
    return describe_images(analysis, file_names, worst[losses[worst] > 0])


def describe_images(
    analysis: ErrorAnalysis, file_names: dict[int | str, str], images: NDArray[np.integer]
) -> list[WorstImage]:
    """Returns images with their errors.

    Args:
        file_names: By image id.
        images: Numbers of images in the ascending order of their ids.
    """
    gt, dt = analysis.gt, analysis.dt
    losses = image_losses(analysis)
    image_ids = np.unique(gt.image_ids).tolist()
    gt_image, dt_image = image_index(gt, gt), image_index(gt, dt)
    described = []
    for image in images.tolist():
        people, poses = np.flatnonzero(gt_image == image), np.flatnonzero(dt_image == image)
        counts = count_errors(analysis, people, poses)
        del counts['good']
        name = file_names[image_ids[image]]
        described.append(
            WorstImage(image_ids[image], name, float(losses[image]), people, poses, counts)
        )
    return described


def report_content(
    analysis: ErrorAnalysis, dataset_meta: DatasetMeta, worst: Sequence[WorstImage]
) -> dict[str, Any]:
    """Returns the content of ``errors.json``."""
    counts, lost = count_errors(analysis), lost_oks(analysis)
    return {
        'num_images': len(analysis.gt.image_ids),
        'num_people': int(counted(analysis.gt).sum()),
        'num_detections': len(analysis.dt.scores),
        'num_duplicates': int(analysis.errors.is_duplicate.sum()),
        'figures': analysis.ap.metrics,
        'mean_oks': 1 - sum(lost.values()),
        'oks_lost_within_human_error': lost['good'],
        'kinds': _kind_rows(analysis, counts, lost),
        'joints': {
            name: dict(zip(KEYPOINT_KINDS, row, strict=True))
            for name, row in zip(
                dataset_meta.keypoint_names, keypoint_table(analysis).tolist(), strict=True
            )
        },
        'sizes': size_table(analysis),
        'crowding': crowding_table(analysis),
        'worst_images': [
            {
                'image_id': image.image_id,
                'file_name': image.file_name,
                'loss': image.loss,
                **image.counts,
            }
            for image in worst
        ],
    }


def _kind_rows(
    analysis: ErrorAnalysis, counts: dict[str, int], lost: dict[str, float]
) -> list[dict[str, Any]]:
    ap, before = analysis.ap, analysis.ap.metrics['AP']
    rows = []
    for kind in CORRECTIONS:
        row = {
            'kind': kind,
            'count': counts[kind],
            'oks_lost': lost.get(kind),
            'gain_alone': ap.alone[kind] - ap.metrics['AP'],
            'gain_progressive': ap.progressive[kind] - before,
            'ap_progressive': ap.progressive[kind],
        }
        rows.append(row)
        before = ap.progressive[kind]
    return rows


def report_tables(content: dict[str, Any]) -> list[Table]:
    """Returns the tables of a report: kinds, keypoints, sizes, crowding and worst images."""
    keypoints = [
        [_words(name), sum(row.values()), *_shares([row[kind] for kind in KEYPOINT_KINDS])]
        for name, row in content['joints'].items()
    ]
    worst = [
        [f'{value:.2f}' if isinstance(value, float) else value for value in row.values()]
        for row in content['worst_images']
    ]
    worst_columns = list(content['worst_images'][0]) if worst else []
    group = ['people', 'mean OKS', 'missed people', *KEYPOINT_KINDS]
    return [
        _kind_table(content),
        Table(
            'Keypoints',
            'Labelled keypoints of people who were found, in percent of each row.',
            ['keypoint', 'labelled', *KEYPOINT_KINDS],
            keypoints,
        ),
        Table(
            'Size of the person',
            'Small is below 32 x 32 px of area, large above 96 x 96. Keypoints in percent; the '
            'mean OKS counts a missed person as 0.',
            ['size', *group],
            _group_rows(content['sizes']),
        ),
        Table(
            'Other people whose box overlaps (IoU above 0.1)',
            'As above, by the number of other people in the way.',
            ['overlaps', *group],
            _group_rows(content['crowding']),
        ),
        Table(
            'Worst images',
            'Loss in people: a missed person is 1, a found one the OKS that was lost, a false '
            'positive the share of found people who score lower.',
            [TITLES.get(column, _words(column)) for column in worst_columns],
            worst,
        ),
    ]


def _kind_table(content: dict[str, Any]) -> Table:
    rows = [
        [
            TITLES.get(row['kind'], row['kind']),
            row['count'],
            '-' if row['oks_lost'] is None else in_points(row['oks_lost']),
            in_points(row['gain_alone'], '+'),
            in_points(row['gain_progressive'], '+'),
            in_points(row['ap_progressive']),
        ]
        for row in content['kinds']
    ]
    return Table(
        'Kinds of error',
        'AP gains in points. Alone: only this kind is corrected. Progressive: after all kinds '
        'above it, which ends at the AP of the last column. OKS lost: per annotated person, in '
        'points; scores and false positives cost none. Counts: keypoints for the first four kinds; '
        'detections ranked above a better one of the same person; detections; people. Correcting '
        'scores ranks everything by its OKS, false positives included.',
        ['kind', 'count', 'OKS lost', 'AP gain alone', 'AP gain progressive', 'AP'],
        [['as it is', '', '', '', '', in_points(content['figures']['AP'])], *rows],
    )


def _group_rows(groups: dict[str, dict[str, Any]]) -> list[list[Any]]:
    return [
        [
            name,
            row['people'],
            '-' if row['mean_oks'] is None else in_points(row['mean_oks']),
            row['missed_people'],
            *_shares([row[kind] for kind in KEYPOINT_KINDS]),
        ]
        for name, row in groups.items()
    ]


def in_points(value: float, sign: str = '') -> str:
    """Returns a share of 1 in points of 100."""
    return f'{100 * value + 0.0:{sign}.1f}'


def _shares(counts: Sequence[int]) -> list[str]:
    total = sum(counts)
    return [f'{100 * count / total:.1f}' if total else '-' for count in counts]


def report_summary(content: dict[str, Any]) -> str:
    """Returns the AP and the kind of error that costs most of it, in one or two sentences."""
    ap = content['figures']['AP']
    best = max(content['kinds'], key=lambda row: row['gain_alone'])
    sentence = f'AP {in_points(ap)} of {content["num_people"]} people'
    if best['gain_alone'] <= 0:
        return f'{sentence}; no kind of error costs AP.'
    remedy = _REMEDIES.get(best['kind'], f'Correcting {best["kind"]} errors')
    return f'{sentence}. {remedy} alone would bring most: {in_points(best["gain_alone"], "+")}.'


def format_table(table: Table) -> str:
    """Returns a table as text: heading and aligned columns, the first to the left."""
    columns, rows = table.columns, table.rows
    if not rows:
        return f'{table.heading}\nnone'
    cells = [list(columns), *([str(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        '  '.join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in cells
    ]
    return '\n'.join([table.heading, *lines])


def _words(name: str) -> str:
    return name.replace('_', ' ')
