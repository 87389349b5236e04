"""Evaluation of a detector on an annotation file: box file and box AP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmpose.coco.image_table import ImageTable
from mmpose.coco.json_file import load_sections
from mmpose.datasets.transforms import LoadImage
from mmpose.detectors import BoxesFile, Detector, build_detector
from mmpose.detectors.categories import COCO_IDS, coco_spelling, names_of
from mmpose.evaluation.functional import format_scores
from mmpose.evaluation.functional.box_ap import AnnotatedBoxes, choose_backend, evaluate_boxes
from mmpose.structures import Frame
from mmpose.structures.progress import track

PERSON = 1


@dataclass(frozen=True)
class DetectionRun:
    """Result of a detector on an annotation file.

    Attributes:
        records: Boxes in COCO's detection layout.
        metrics: Box AP and AR by name, from 0 to 1; empty where nothing is annotated.
        num_images: Images of the file.
    """

    records: list[dict[str, Any]]
    metrics: dict[str, float]
    num_images: int


def evaluate_detector(
    detector: str | Detector | None,
    ann_file: str | Path,
    image_folder: str | Path,
    out_file: str | Path | None = None,
    device: str | torch.device = 'cpu',
    categories: Sequence[str | int] = ('person',),
    score_threshold: float = 0.01,
    nms_threshold: float | None = 0.65,
    class_names: Sequence[str] | None = None,
    batch_size: int = 8,
    category_id: int | None = None,
    backend: str = 'auto',
) -> DetectionRun:
    """Runs a detector on the images of an annotation file, writes its boxes and evaluates them.

    Args:
        detector: As for ``build_detector``, like the four arguments with the same names.
        ann_file: Annotations in COCO's layout. Those that count are of the wanted categories or
            of one that COCO does not have; the kinds are not told apart. Without any, nothing
            is rated.
        image_folder: Folder that ``file_name`` of the annotations starts from.
        out_file: Where to write the boxes, as ``bbox_file`` of a config takes them.
        batch_size: Images that the detector is given at a time.
        category_id: Written in place of the category of each box; a ``bbox_file`` needs 1.

    Raises:
        FileNotFoundError: If a file, the folder or an image is missing.
        ValueError: If a file is malformed, or an argument out of its range.
    """
    if batch_size < 1:
        raise ValueError(f'batch_size is {batch_size}, expected 1 or more images')
    choose_backend(backend)
    content = _read(ann_file)
    if not Path(image_folder).is_dir():
        raise FileNotFoundError(f'{image_folder}: no such folder of images')
    find = build_detector(detector, device, score_threshold, nms_threshold, categories, class_names)
    images = content['images']
    records = []
    found = _detect(find, images, Path(image_folder), batch_size)
    for image, boxes in track(found, 'detection', len(images)):
        columns = (boxes.xywh.tolist(), boxes.scores.tolist(), boxes.category_ids.tolist())
        records += [
            {
                'image_id': image['id'],
                'category_id': category if category_id is None else category_id,
                'bbox': [round(value, 2) for value in xywh],
                'score': round(score, 5),
            }
            for xywh, score, category in zip(*columns, strict=True)
        ]
    if out_file is not None:
        Path(out_file).parent.mkdir(parents=True, exist_ok=True)
        Path(out_file).write_text(json.dumps(records))
    truth = _annotated(content, categories)
    metrics = evaluate_boxes(truth, records, backend) if len(truth.annotations) else {}
    return DetectionRun(records, metrics, len(images))


def format_run(run: DetectionRun, out_file: str | Path | None = None) -> str:
    """Returns the metrics and notes of a run as text."""
    lines = [f'{len(run.records)} boxes in {run.num_images} images']
    if out_file is not None:
        lines[0] += f': {out_file}'
    unrated = 'nothing is annotated in the wanted categories, so the boxes are not rated'
    lines.append(format_scores(run.metrics) if run.metrics else unrated)
    others = {record['category_id'] for record in run.records} - {PERSON}
    if others and out_file is not None:
        lines.append(
            f'boxes have the categories {sorted(others)}, and a bbox_file of a config needs '
            f'{PERSON}: --category-id {PERSON} writes that'
        )
    return '\n'.join(lines)


def _detect(
    find: Detector, images: Sequence[dict[str, Any]], folder: Path, batch_size: int
) -> Iterator[tuple[dict[str, Any], Any]]:
    load = LoadImage()
    # A list of detections knows images by their id alone.
    by_id = isinstance(find, BoxesFile) and not find.has_names
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        frames = []
        for index, image in enumerate(part, start):
            path = str(folder / image['file_name'])
            size_wh = (image.get('width', 0), image.get('height', 0))
            pixels = load({'image_file': path, 'image_wh': size_wh})['image']
            frames.append(Frame(image['id'], pixels, '') if by_id else Frame(index, pixels, path))
        yield from zip(part, find(frames), strict=True)


def _read(ann_file: str | Path) -> dict[str, list[Any]]:
    path = Path(ann_file)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such annotation file')
    content = dict(load_sections(path))
    if not content.get('images'):
        raise ValueError(f"{path}: expected an object with 'images' that have id and file_name")
    ImageTable(path).add(content['images'])  # raises if one is not in order
    return content


def _annotated(content: dict[str, list[Any]], categories: Sequence[str | int]) -> AnnotatedBoxes:
    wanted = {name for category in categories for name in names_of(category)}
    names = {one['id']: coco_spelling(one['name']) for one in content.get('categories', [])}
    counted = {number for number, name in names.items() if name in wanted or name not in COCO_IDS}
    annotations = [
        one
        for one in content.get('annotations', [])
        if 'bbox' in one and (not names or one.get('category_id') in counted)
    ]
    return AnnotatedBoxes(content['images'], annotations)
