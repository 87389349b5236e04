"""Report sections on one tested dataset: kinds of error, keypoints, worst and random images."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmpose.analysis.error_report import (
    BAR_CAPTION,
    HOW_TO_READ,
    add_pictures,
    analyze_files,
    ap_bar,
)
from mmpose.analysis.error_tables import (
    describe_images,
    find_worst_images,
    report_content,
    report_summary,
    report_tables,
)
from mmpose.analysis.summary import GRID_COLUMNS, Tested, draw_predictions
from mmpose.coco.keypoint_arrays import FloatArray
from mmpose.dataset_tools.browse import build_annotated
from mmpose.evaluation.functional.error_kinds import counted
from mmpose.evaluation.functional.oks_errors import ErrorAnalysis, keypoint_average_precision
from mmpose.evaluation.metrics.metric_info import with_type
from mmpose.evaluation.metrics.oks_metric import OksMetric
from mmpose.registry import METRICS
from mmpose.visualization import HtmlReport, make_grid
from mmpose.visualization.html_report import Bar

PICTURE_QUALITY = 78
TILE_HW = (300, 400)


def add_dataset(
    page: HtmlReport, tested: Tested, label: str, num_worst: int, num_random: int, seed: int = 0
) -> None:
    """Adds the sections of a tested dataset.

    Args:
        tested: Dataset, its metrics and the poses.
        label: What the headings begin with; may be empty.
        num_worst: Images with the highest loss to draw.
        num_random: Other images to draw, chosen at random among those with people.

    Raises:
        FileNotFoundError: If annotations or images are not on this machine.
        ValueError: If the results do not fit the annotations.
    """
    found = with_type(tested.metrics, OksMetric)
    if not found:
        _add_predictions(page, tested, label, num_random)
        return
    metric = found[0]
    dataset = build_annotated(tested.dataset)
    dataset_meta = dataset.dataset_meta
    kind = METRICS.get(metric['type'])
    analysis = analyze_files(
        tested.results_path,
        metric.get('ann_file') or dataset.ann_file,
        dataset_meta,
        metric.get('use_area', kind.use_area),
        kind.keypoint_fields,
    )
    image_ids = dataset.store.image_ids.tolist()
    names = {image_id: dataset.store.file_name(i) for i, image_id in enumerate(image_ids)}
    worst = find_worst_images(analysis, names, num_worst)
    content = report_content(analysis, dataset_meta, worst)
    page.heading(f'{label}Kinds of error')
    page.summary(report_summary(content))
    page.picture(ap_bar(content), BAR_CAPTION, lossless=True)
    kinds, keypoints, sizes, crowding, worst_table = report_tables(content)
    page.text(kinds.explanation)
    page.table(kinds.columns, kinds.rows)
    page.heading(f'{label}Keypoints')
    _add_keypoints(page, keypoints.columns, keypoints.rows, keypoint_average_precision(analysis))
    for table in (sizes, crowding):
        table.add_to(page, is_part=True)
    page.heading(f'{label}Worst images')
    page.text(worst_table.explanation)
    page.table(worst_table.columns, worst_table.rows)
    page.text(HOW_TO_READ)
    add_pictures(page, analysis, worst, dataset.read_image, dataset_meta, PICTURE_QUALITY)
    page.heading(f'{label}Random images')
    chosen = random_images(analysis, num_random, seed)
    described = describe_images(analysis, names, chosen)
    add_pictures(page, analysis, described, dataset.read_image, dataset_meta, PICTURE_QUALITY)


def _add_predictions(page: HtmlReport, tested: Tested, label: str, num: int) -> None:
    """Adds the first images with their poses, where there is no OKS to split the errors by."""
    types = ', '.join(metric['type'] for metric in tested.metrics)
    page.heading(f'{label}Predictions')
    page.text(f'Kinds of error and worst images follow from OKS, which {types} does not use.')
    # of a mixture, tiles without a title fill a row
    drawn = [image for title, image in draw_predictions(tested, num) if title == tested.name]
    if drawn:
        grid = make_grid(drawn, GRID_COLUMNS, tile_hw=TILE_HW)
        page.picture(grid, 'the first images', PICTURE_QUALITY)


def _add_keypoints(
    page: HtmlReport, columns: list[str], rows: list[list[Any]], metrics: FloatArray
) -> None:
    """Adds the kinds of error of each keypoint, with its AP as a bar."""
    page.text(
        'AP of a keypoint: the poses are matched to people as a whole; then a keypoint is correct '
        'if it is near enough to its own place. The other columns divide the labelled keypoints of '
        'people who were found into kinds, in percent.'
    )
    with_ap = [
        [name, '-' if np.isnan(metric) else Bar(metric, f'{100 * metric:.1f}'), *rest]
        for (name, *rest), metric in zip(rows, metrics.tolist(), strict=True)
    ]
    page.table([columns[0], 'AP', *columns[1:]], with_ap)


def random_images(analysis: ErrorAnalysis, num: int, seed: int) -> np.ndarray:
    """Returns indices of random images with annotations that count, ascending, at most ``num``."""
    gt = analysis.gt
    with_people = np.unique(np.searchsorted(np.unique(gt.image_ids), gt.image_id[counted(gt)]))
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(with_people, min(num, len(with_people)), replace=False))
