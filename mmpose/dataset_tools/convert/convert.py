"""Conversion between annotation formats."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mmpose.dataset_tools.convert.coco import read_coco, write_coco
from mmpose.dataset_tools.convert.cvat import read_cvat, write_cvat
from mmpose.dataset_tools.convert.deeplabcut import read_deeplabcut, write_deeplabcut
from mmpose.dataset_tools.convert.files import ImageFolder, write_texts
from mmpose.dataset_tools.convert.label_set import LabelSet, with_boxes, with_skeleton
from mmpose.dataset_tools.convert.label_studio import read_label_studio, write_label_studio
from mmpose.dataset_tools.convert.labelme import read_labelme, write_labelme
from mmpose.dataset_tools.convert.sleap import read_sleap, write_sleap
from mmpose.dataset_tools.convert.ultralytics import read_ultralytics, write_ultralytics
from mmpose.metainfo import load_metainfo

Reader = Callable[[Path, ImageFolder], LabelSet]
Writer = Callable[[LabelSet, Path], dict[Path, str]]
FORMATS = (
    'coco',
    'cvat',
    'label_studio',
    'labelme',
    'deeplabcut',
    'sleap',
    'ultralytics',
)


def convert_annotations(
    source: str | Path,
    target: str | Path,
    source_format: str,
    target_format: str,
    images: str | Path | None = None,
    metainfo: str | None = None,
    split: str = 'train',
    box_margin: float = 0.0,
    overwrite: bool = False,
) -> LabelSet:
    """Writes annotations in another format and returns what was written.

    Args:
        source: File, or folder for 'labelme' and 'ultralytics'.
        target: Likewise.
        source_format: One of ``FORMATS``.
        target_format: One of ``FORMATS``.
        images: Folder of the images; needed where the format stores no image sizes.
        metainfo: Skeleton that gives keypoint names, their order and skeleton links.
        split: Split of an 'ultralytics' dataset that is read or written.
        box_margin: How far boxes that must be made stand off the keypoints, as a fraction of
            their longer side.
        overwrite: Whether files that exist may be replaced.

    Raises:
        FileNotFoundError, FileExistsError, TypeError, ValueError: With one sentence on what is
            wrong in which file.
    """
    if not Path(source).exists():
        raise FileNotFoundError(f'{source} does not exist')
    read, _ = _format(source_format, split)
    _, write = _format(target_format, split)
    labels = read(Path(source), ImageFolder(images))
    if metainfo is not None:
        labels = with_skeleton(labels, load_metainfo(metainfo))
    labels = with_boxes(labels, box_margin)
    write_texts(write(labels, Path(target)), overwrite)
    return labels


def _format(name: str, split: str) -> tuple[Reader, Writer]:
    formats: dict[str, tuple[Reader, Writer]] = {
        'coco': (read_coco, write_coco),
        'cvat': (read_cvat, write_cvat),
        'label_studio': (read_label_studio, write_label_studio),
        'labelme': (read_labelme, write_labelme),
        'deeplabcut': (read_deeplabcut, write_deeplabcut),
        'sleap': (read_sleap, write_sleap),
        'ultralytics': (
            partial(read_ultralytics, split=split),
            partial(write_ultralytics, split=split),
        ),
    }
    if name not in formats:
        raise ValueError(f"unknown annotation format '{name}', expected one of {list(formats)}")
    return formats[name]
