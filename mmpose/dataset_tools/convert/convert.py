"""Conversion between annotation formats."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from mmpose.dataset_tools.convert.coco import read_coco, write_coco
from mmpose.dataset_tools.convert.cvat import read_cvat, write_cvat
from mmpose.dataset_tools.convert.deeplabcut import read_deeplabcut, write_deeplabcut
from mmpose.dataset_tools.convert.files import ImageFolder, write_files
from mmpose.dataset_tools.convert.label_set import LabelSet, with_boxes, with_skeleton
from mmpose.dataset_tools.convert.label_studio import (
    config_path,
    read_label_studio,
    write_label_studio,
)
from mmpose.dataset_tools.convert.labelme import read_labelme, write_labelme
from mmpose.dataset_tools.convert.sleap import read_sleap, write_sleap
from mmpose.dataset_tools.convert.ultralytics import read_ultralytics, write_ultralytics
from mmpose.metainfo import load_metainfo

Reader = Callable[..., LabelSet]
Writer = Callable[..., dict[Path, str] | dict[Path, bytes]]
FORMATS: dict[str, tuple[Reader, Writer]] = {
    'coco': (read_coco, write_coco),
    'cvat': (read_cvat, write_cvat),
    'label_studio': (read_label_studio, write_label_studio),
    'labelme': (read_labelme, write_labelme),
    'deeplabcut': (read_deeplabcut, write_deeplabcut),
    'sleap': (read_sleap, write_sleap),
    'ultralytics': (read_ultralytics, write_ultralytics),
}
HAS_SPLITS = ('ultralytics',)
# Formats of many files: what is read has one of these suffixes.
FOLDERS = {'labelme': ('.json', '.yaml'), 'ultralytics': ('.txt', '.yaml')}


def convert_annotations(
    source: str | Path,
    target: str | Path,
    source_format: str,
    target_format: str,
    images: str | Path | None = None,
    metainfo: str | None = None,
    split: str = 'train',
    box_margin: float = 0.0,
    whole_image: bool = False,
    overwrite: bool = False,
) -> LabelSet:
    """Writes annotations in another format and returns what was written.

    Args:
        source: File, or folder for 'labelme' and 'ultralytics'; 'deeplabcut' takes either.
        target: The same.
        source_format: One of ``FORMATS``.
        target_format: One of ``FORMATS``.
        images: Folder of the images; needed where the format stores no image sizes, and where
            names of images are absolute.
        metainfo: Skeleton that gives keypoint names, their order and skeleton links.
        split: Split of an 'ultralytics' dataset that is read or written.
        box_margin: How far boxes that must be made stand off the keypoints, as a fraction of
            their longer side.
        whole_image: Whether boxes that must be made are the whole image, as inference takes it
            without a detector.
        overwrite: Whether files that exist may be replaced; never those that were read.

    Raises:
        FileNotFoundError, FileExistsError, TypeError, ValueError: With one sentence on what is
            wrong in which file.
    """
    source, target, folder = Path(source), Path(target), ImageFolder(images)
    if whole_image and box_margin:
        raise ValueError(f'box_margin {box_margin:g} and whole_image exclude each other; give one')
    if not source.exists():
        raise FileNotFoundError(f'{source} does not exist')
    for name in (source_format, target_format):
        if name not in FORMATS:
            raise ValueError(f"unknown annotation format '{name}', expected one of {list(FORMATS)}")
    read, write = FORMATS[source_format][0], FORMATS[target_format][1]
    labels = read(source, folder, *([split] if source_format in HAS_SPLITS else []))
    if not labels.instances:
        raise ValueError(f'{source}: there is no instance with labelled keypoints')
    labels = _with_safe_names(labels, folder, source)
    if metainfo is not None:
        labels = with_skeleton(labels, load_metainfo(metainfo))
    labels = with_boxes(labels, box_margin, whole_image)
    contents = write(labels, target, *([split] if target_format in HAS_SPLITS else []))
    _refuse_sources(contents, source, source_format)
    write_files(contents, target if target_format in FOLDERS else target.parent, overwrite)
    return labels


def _with_safe_names(labels: LabelSet, folder: ImageFolder, source: Path) -> LabelSet:
    """Returns the labels with names of images that are relative, below their folder and unique."""
    images = [
        image._replace(file_name=folder.relative(image.file_name, source))
        for image in labels.images
    ]
    names = Counter(image.file_name for image in images)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(
            f"{source}: {len(twice)} image names stand for several images each, first '{twice[0]}',"
            ' so labels would get onto the wrong picture; rename the images or convert them apart'
        )
    return replace(labels, images=images)


def _refuse_sources(paths: Iterable[Path], source: Path, source_format: str) -> None:
    """Raises a FileExistsError if a file that is to be written may have been read."""
    suffixes = FOLDERS.get(source_format, ())
    if source_format == 'deeplabcut' and source.is_dir():
        suffixes = ('.csv',)  # of all videos
    folder = (source if source.is_dir() else source.parent).resolve()
    read = [path for path in (source, config_path(source)) if path.exists()]
    for path in paths:
        if path.exists() and (
            any(os.path.samefile(path, other) for other in read)
            or (path.suffix in suffixes and path.resolve().is_relative_to(folder))
        ):
            raise FileExistsError(f'{path} is read by this conversion; choose another output')
