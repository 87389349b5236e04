"""Report on a comparison of two results: tables, JSON, and a page with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.analysis.comparison import CONFIDENCE, Comparison, MetricChange, compare_files
from mmpose.analysis.error_pictures import draw_both
from mmpose.analysis.error_report import check_images, image_names, read_image, write_json
from mmpose.analysis.error_tables import Table, format_table, in_points
from mmpose.structures.output_files import writing
from mmpose.visualization import HtmlReport

JSON_FILE, PAGE_FILE = 'comparison.json', 'comparison.html'
FIGURES = ('first', 'second', 'difference', 'interval', 'share_better', 'p_value')
SIGNIFICANT = 0.05  # p-value below which a difference is called one


def report_comparison(
    first: str | Path,
    second: str | Path,
    ann_file: str | Path,
    dataset: str = 'coco',
    image_folder: str | Path | None = None,
    out_dir: str | Path | None = None,
    num_images: int = 10,
    use_area: bool | None = None,
    num_resamples: int = 1000,
    seed: int = 0,
) -> str:
    """Compares two result files, and writes a page if asked to.

    Args:
        first, second, ann_file, dataset, use_area, num_resamples, seed: As ``compare_files`` takes
            them.
        image_folder: Folder that ``file_name`` of the annotations starts from.
        out_dir: Folder for ``comparison.json`` and ``comparison.html``; None writes nothing.
        num_images: Images to list that got better, and as many that got worse.

    Raises:
        FileNotFoundError: If a file, the image folder, or an image in it is missing.
        ValueError: If the files do not fit together, or there is a folder of images but none for
            the page.
    """
    if image_folder is not None and out_dir is None:
        raise ValueError('--images puts pictures into the page, but --out names no folder for it')
    outputs = [] if out_dir is None else [Path(out_dir, x) for x in (JSON_FILE, PAGE_FILE)]
    made = writing(*outputs, inputs=[first, second, ann_file])
    found = compare_files(first, second, ann_file, dataset, use_area, num_resamples, seed)
    names = image_names(ann_file)
    files = [names[image_id] for image_id in found.image_ids.tolist()]
    better, worse = changed_images(found, num_images)
    summary = comparison_summary(found)
    tables = [
        metric_table(found),
        keypoint_table(found),
        _image_table('Images that got better', found, better, files),
        _image_table('Images that got worse', found, worse, files),
    ]
    lines = [summary, *map(format_table, tables), *found.notes]
    if out_dir is None:
        return '\n\n'.join([*lines, '--out DIR writes a page, with --images FOLDER its pictures'])
    if image_folder is not None:
        check_images(image_folder, [files[row] for row in (*better, *worse)], ann_file)
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    content = comparison_content(found, better, worse, files)
    sources = {'first': str(first), 'second': str(second), 'annotations': str(ann_file)}
    write_json(folder / JSON_FILE, {**sources, **content})
    page = HtmlReport(f'{found.names[1]} against {found.names[0]}')
    page.summary(summary, _status(found.metrics[0]))
    page.text(
        f'{second} against {first}; annotations {ann_file}, skeleton {found.dataset_meta.name}.'
    )
    for note in found.notes:
        page.text(note)
    for table in tables:
        table.add_to(page)
        if image_folder is not None and table.heading.startswith('Images'):
            rows = better if table is tables[2] else worse
            _add_pictures(page, found, rows, files, Path(image_folder))
    page.write(folder / PAGE_FILE)
    made.record()
    return '\n\n'.join([*lines, f'{folder / PAGE_FILE}\n{folder / JSON_FILE}'])


def changed_images(found: Comparison, num: int) -> tuple[list[int], list[int]]:
    """Returns rows of ``image_ids`` with the largest gains and losses, at most ``num`` each."""
    gain = found.losses[:, 0] - found.losses[:, 1]
    order = np.argsort(-gain, kind='stable')
    better = [row for row in order[:num].tolist() if gain[row] > 0]
    worse = [row for row in order[::-1][:num].tolist() if gain[row] < 0]
    return better, worse


def comparison_summary(found: Comparison) -> str:
    """Returns which result is better, by how much, and how certain that is, in two sentences."""
    ap = found.metrics[0]
    first, second = found.names
    if ap.interval is None or ap.p_value is None:
        return 'No annotation counts: there is no AP to compare.'
    low, high = ap.interval
    numbers = (
        f'AP {in_points(ap.first)} -> {in_points(ap.second)}: {in_points(ap.difference, "+")} '
        f'points, {CONFIDENCE:.0%} interval [{in_points(low, "+")}, {in_points(high, "+")}]'
    )
    if low == high == 0:
        return f'{numbers}. The two do not differ.'
    if ap.p_value >= SIGNIFICANT:
        return f'{numbers}. With other images of this kind the order might be another one.'
    winner = second if ap.difference > 0 else first
    return f'{numbers}. {winner} is better.'


def _status(ap: MetricChange) -> str:
    if ap.p_value is None or ap.p_value >= SIGNIFICANT:
        return 'warn'
    return 'good' if ap.difference > 0 else 'bad'


def metric_table(found: Comparison) -> Table:
    """Table of the metrics of both in points, their difference, its interval and p-value."""
    rows = []
    for metric in found.metrics:
        interval, better, p_value = '-', '-', '-'
        if metric.interval is not None:
            interval = ' to '.join(in_points(value, '+') for value in metric.interval)
            better, p_value = f'{100 * (metric.share_better or 0):.1f}', f'{metric.p_value:.3f}'
        values = [
            in_points(value) if value >= 0 else '-' for value in (metric.first, metric.second)
        ]
        rows.append(
            [metric.name, *values, in_points(metric.difference, '+'), interval, better, p_value]
        )
    return Table(
        'Metrics',
        f'In points. The interval holds {CONFIDENCE:.0%} of the differences over '
        f'{found.num_resamples} resamples of the images, drawn with replacement, the same for both '
        'results. "Second better" is the share of resamples in which it is, in percent; p is twice '
        'the share on the other side of no difference.',
        ['metric', *found.names, 'difference', 'interval', 'second better', 'p'],
        rows,
    )


def keypoint_table(found: Comparison) -> Table:
    """Table of the AP of each keypoint of both results in points, the largest gains first."""
    gains = found.keypoint_ap[:, 1] - found.keypoint_ap[:, 0]
    rows = []
    for keypoint in np.argsort(-np.nan_to_num(gains), kind='stable').tolist():
        name = found.dataset_meta.keypoint_names[keypoint].replace('_', ' ')
        if np.isnan(gains[keypoint]):
            rows.append([name, '-', '-', 'not labelled'])
            continue
        values = [in_points(value) for value in found.keypoint_ap[keypoint]]
        rows.append([name, *values, in_points(gains[keypoint], '+')])
    return Table(
        'AP of each keypoint',
        'The poses are matched to people as a whole; then a keypoint is correct if it is near '
        'enough to its own place.',
        ['keypoint', *found.names, 'difference'],
        rows,
    )


def _image_table(
    heading: str, found: Comparison, rows: Sequence[int], files: Sequence[str]
) -> Table:
    cells = [
        [files[row], *(f'{value:.2f}' for value in (first, second, first - second))]
        for row, (first, second) in zip(rows, found.losses[list(rows)].tolist(), strict=True)
    ]
    return Table(
        heading,
        'Loss in people: a missed person is 1, a found one the OKS that was lost, a false positive '
        'the share of found people who score lower.',
        ['image', f'loss {found.names[0]}', f'loss {found.names[1]}', 'gain'],
        cells,
    )


def comparison_content(
    found: Comparison, better: Sequence[int], worse: Sequence[int], files: Sequence[str]
) -> dict[str, Any]:
    """Returns the content of ``comparison.json``.

    Args:
        better, worse: Rows of images, of ``changed_images``.
        files: File names by row.
    """
    keypoint_ap = zip(found.dataset_meta.keypoint_names, found.keypoint_ap.tolist(), strict=True)
    return {
        'names': found.names,
        'num_images': len(found.image_ids),
        'num_resamples': found.num_resamples,
        'figures': {
            metric.name: {name: getattr(metric, name) for name in FIGURES}
            for metric in found.metrics
        },
        'joint_ap': {
            name: [None if np.isnan(value) else value for value in values]
            for name, values in keypoint_ap
        },
        **{
            key: [{'file_name': files[row], 'losses': found.losses[row]} for row in rows]
            for key, rows in (('better', better), ('worse', worse))
        },
        'notes': found.notes,
    }


def _add_pictures(
    page: HtmlReport, found: Comparison, rows: Sequence[int], files: Sequence[str], folder: Path
) -> None:
    analyses = dict(zip(found.names, found.analyses, strict=True))
    gt = found.analyses[0].gt
    for row in rows:
        image_id = found.image_ids[row]
        people = np.flatnonzero(gt.image_id == image_id)
        poses = [np.flatnonzero(one.dt.image_id == image_id) for one in found.analyses]
        pixels = read_image(folder / files[row])
        picture = draw_both(pixels, analyses, people, poses, found.dataset_meta)
        first, second = found.losses[row]
        page.picture(picture, f'{files[row]}: loss {first:.2f} -> {second:.2f}')
