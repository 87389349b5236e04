"""Error report of a keypoint result file: tables, a JSON file and a page with pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import json_tricks
import numpy as np

from mmpose.analysis.error_pictures import TITLES, draw_ap_bar, draw_errors, hidden_false_positives
from mmpose.analysis.error_tables import (
    WorstImage,
    find_worst_images,
    format_table,
    report_content,
    report_summary,
    report_tables,
)
from mmpose.coco.category_choice import Category
from mmpose.coco.files import KeypointFields
from mmpose.coco.instance_layout import InstanceLayout
from mmpose.coco.json_file import read_json
from mmpose.evaluation.functional import (
    KeypointDetections,
    KeypointGroundTruth,
    load_detections,
    load_ground_truth,
)
from mmpose.evaluation.functional.error_kinds import counted
from mmpose.evaluation.functional.eval_configs import find_eval_config
from mmpose.evaluation.functional.oks_errors import ErrorAnalysis, analyze_errors
from mmpose.metainfo import load_metainfo
from mmpose.structures import DatasetMeta
from mmpose.structures.output_files import writing
from mmpose.visualization import HtmlReport
from mmpose.visualization.shapes import Image

HOW_TO_READ = (
    'Left: the annotations. Right: the estimated poses. A dot in the colour of its kind, as in the '
    'bar above, is a wrong keypoint, and its line leads to the annotated place; grey keypoints are '
    'right. Boxes: orange is a missed person, purple a false positive, blue a pose that scores '
    'above a better one of the same person.'
)
BAR_CAPTION = 'AP, what each correction adds in this order, and what is left (points)'
JSON_FILE, PAGE_FILE, BAR_FILE = 'errors.json', 'errors.html', 'errors.png'


def report_errors(
    result_file: str | Path,
    ann_file: str | Path,
    dataset: str | Path = 'coco',
    image_folder: str | Path | None = None,
    out_dir: str | Path | None = None,
    num_worst: int = 20,
    use_area: bool | None = None,
    category: Sequence[Category] | None = None,
) -> str:
    """Writes ``errors.json``, ``errors.html`` and ``errors.png``.

    Args:
        result_file: Keypoint results in COCO's layout.
        ann_file: Annotations in COCO's layout.
        dataset: Name of a dataset, or a skeleton by name or ``.csv`` table.
        image_folder: Folder that ``file_name`` of the annotations starts from; None leaves the
            pictures of the worst images out.
        out_dir: Where to write; None is a folder beside the result file.
        use_area: Whether the annotated area is the object area; else 0.53 of the box is. None
            does as the evaluation of the dataset.
        category: Ids or names of the categories to analyse; None for all.

    Raises:
        FileNotFoundError: If a file, the image folder, or an image in it is missing.
        ValueError: If the files are malformed or do not fit together.
    """
    if num_worst < 0:
        raise ValueError(f'--num-worst is {num_worst}; expected 0 or more images')
    eval_config = find_eval_config(str(dataset), category)
    dataset_meta = load_metainfo(eval_config.skeleton)
    use_area = eval_config.use_area if use_area is None else use_area
    layout = None if category is None else eval_config.layout
    analysis = analyze_files(result_file, ann_file, dataset_meta, use_area, layout=layout)
    worst = find_worst_images(analysis, image_names(ann_file), num_worst)
    if image_folder is not None:
        check_images(image_folder, [image.file_name for image in worst], ann_file)
    out_dir = Path(result_file).with_suffix('') if out_dir is None else Path(out_dir)
    names = (JSON_FILE, BAR_FILE, PAGE_FILE)
    files = writing(*(out_dir / name for name in names), inputs=[result_file, ann_file])
    out_dir.mkdir(parents=True, exist_ok=True)
    sources = {
        'results': str(result_file),
        'annotations': str(ann_file),
        'skeleton': dataset_meta.name,
    }
    content = {**sources, **report_content(analysis, dataset_meta, worst)}
    write_json(out_dir / JSON_FILE, content)
    bar = ap_bar(content)
    cv2.imwrite(str(out_dir / BAR_FILE), bar)
    tables, summary = report_tables(content), report_summary(content)
    page = HtmlReport(f'Errors of {Path(result_file).name}')
    page.summary(summary)
    page.text(f'{result_file} against {ann_file}, skeleton {dataset_meta.name}.')
    page.picture(bar, BAR_CAPTION)
    for table in tables:
        table.add_to(page)
    if image_folder is not None and worst:
        page.heading('Pictures of the worst images')
        page.text(HOW_TO_READ)
        add_pictures(
            page, analysis, worst, lambda name: read_image(Path(image_folder, name)), dataset_meta
        )
    page.write(out_dir / PAGE_FILE)
    files.record()
    lines = [str(out_dir / name) for name in (PAGE_FILE, JSON_FILE, BAR_FILE)]
    if image_folder is None and worst:
        lines.append('no pictures of the worst images: --images names the folder they are in')
    return '\n\n'.join([summary, *map(format_table, tables), '\n'.join(lines)])


def analyze_files(
    result_file: str | Path,
    ann_file: str | Path,
    dataset_meta: DatasetMeta,
    use_area: bool,
    keypoints: KeypointFields | None = None,
    layout: InstanceLayout | None = None,
) -> ErrorAnalysis:
    """Reads both files and finds the errors; arguments and errors as in :func:`read_files`."""
    gt, (dt,) = read_files([result_file], ann_file, dataset_meta, use_area, keypoints, layout)
    return analyze_errors(gt, dt, dataset_meta.sigmas, dataset_meta.flip_indices, use_area)


def read_files(
    result_files: Sequence[str | Path],
    ann_file: str | Path,
    dataset_meta: DatasetMeta,
    use_area: bool,
    keypoints: KeypointFields | None = None,
    layout: InstanceLayout | None = None,
) -> tuple[KeypointGroundTruth, list[KeypointDetections]]:
    """Reads annotations and results, and checks what an analysis of errors needs.

    Args:
        result_files: Keypoint results in COCO's layout.
        ann_file: Annotations in COCO's layout.
        use_area: Whether the annotated area is the object area; else 0.53 of the box is.
        keypoints: Fields of the keypoints, as ``load_ground_truth`` takes them; all of them in
            ``keypoints`` if None.
        layout: Where the instances of an annotation stand, and of which categories they are.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is malformed, or nobody is annotated.
    """
    dataset_meta.oks_sigmas()
    keypoints = dataset_meta.num_keypoints if keypoints is None else keypoints
    try:
        gt = load_ground_truth(ann_file, keypoints, layout=layout)
        results = [load_detections(file, keypoints) for file in result_files]
    except ValueError as error:
        raise ValueError(
            f"{error} (read with the skeleton '{dataset_meta.name}' of "
            f'{dataset_meta.num_keypoints} keypoints; --dataset names another)'
        ) from None
    if layout and layout.category:
        results = [dt.of_categories(gt.category_ids) for dt in results]
    missing = gt.ann_id[~np.isfinite(gt.area)]
    if use_area and len(missing):
        raise ValueError(
            f"{ann_file}: annotation {missing[0]} has no 'area'; add it or pass --no-area"
        )
    if not counted(gt).any():
        raise ValueError(
            f'{ann_file}: no annotation counts; expected some with num_keypoints above 0'
        )
    return gt, results


def image_names(ann_file: str | Path) -> dict[int | str, str]:
    """Returns the file names of an annotation file by image id."""
    images = read_json(Path(ann_file))['images']
    return {image['id']: str(image.get('file_name', image['id'])) for image in images}


def check_images(folder: str | Path, names: Sequence[str], ann_file: str | Path) -> None:
    """Returns if a folder holds these images.

    Raises:
        FileNotFoundError: If the folder or an image is missing.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f'{folder}: no such folder; --images names the folder of images')
    for name in names:
        path = Path(folder, name)
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such image; --images must be the folder that 'file_name' of "
                f'{ann_file} starts from'
            )


def read_image(path: str | Path) -> Image:
    """Reads an image, (H, W, 3) uint8 BGR; raises a ValueError if it is none."""
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise ValueError(f'{path}: cannot be read as an image; write it again')
    return pixels


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes the content of a report for programs."""
    text = json_tricks.dumps(content, primitives=True, allow_nan=True, indent=2)
    path.write_text(f'{text}\n')


def ap_bar(content: dict[str, Any]) -> Image:
    """Draws the bar of ``draw_ap_bar`` for the content of ``errors.json``."""
    gains = {row['kind']: row['gain_progressive'] for row in content['kinds']}
    return draw_ap_bar(content['figures']['AP'], gains)


def add_pictures(
    page: HtmlReport,
    analysis: ErrorAnalysis,
    images: Sequence[WorstImage],
    read: Callable[[str], Image],
    dataset_meta: DatasetMeta,
    quality: int = 88,
) -> None:
    """Adds the errors of images as pictures.

    Args:
        images: Of ``find_worst_images`` or ``describe_images``.
        read: Reads an image by its file name.

    Raises:
        ValueError: If a file cannot be read as an image.
    """
    for image in images:
        pixels = read(image.file_name)
        picture = draw_errors(pixels, analysis, image.people, image.poses, dataset_meta)
        errors = [f'{num} {TITLES.get(k, k)}' for k, num in image.counts.items() if num]
        hidden = hidden_false_positives(analysis, image.poses)
        note = f' ({hidden} false positives with low scores not drawn)' if hidden else ''
        caption = f'{image.file_name}, loss {image.loss:.2f}: {", ".join(errors) or "no error"}'
        page.picture(picture, caption + note, quality)
