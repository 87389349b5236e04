"""Packed arrays of annotations, mapped from disk and shared by all workers and ranks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FORMAT_VERSION = 1
HEADER = 'store.json'

# Field: (dtype, shape). I images, N instances, K keypoints, F bytes of all file names together.
FIELDS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    'file_names': ('uint8', ('F',)),
    'file_ends': ('int64', ('I',)),
    'image_ids': ('int64', ('I',)),  # or strings
    'image_wh': ('int32', ('I', 2)),
    'image_index': ('int32', ('N',)),
    'bbox_xywh': ('float32', ('N', 4)),
    'bbox_score': ('float32', ('N',)),
    'keypoints': ('float32', ('N', 'K', 2)),
    'keypoints_visible': ('uint8', ('N', 'K')),
    'area': ('float32', ('N',)),
    'ann_ids': ('int64', ('N',)),
    'category_ids': ('int32', ('N',)),
}


@dataclass(frozen=True, eq=False)
class AnnotationStore:
    """The instances of one dataset: N instances with K keypoints on I images.

    Attributes:
        file_names: (F,) uint8. All image file names, UTF-8, one after the other.
        file_ends: (I,) int64. Where each name ends in ``file_names``.
        image_ids: (I,) int64, or strings where the source numbers its images by strings.
        image_wh: (I, 2) int32, px. Sizes of the images; (0, 0) where the source does not say.
        image_index: (N,) int32. Row of the image of each instance.
        bbox_xywh: (N, 4) float32, img px.
        bbox_score: (N,) float32. 1 for ground truth.
        keypoints: (N, K, 2) float32, img px. K is 0 for detections.
        keypoints_visible: (N, K) uint8. 0 not labelled, 1 labelled but hidden, 2 visible, as in
            COCO.
        area: (N,) float32, px². Annotated area, box area where there is none.
        ann_ids: (N,) int64.
        category_ids: (N,) int32.
        extras: Further arrays with N rows, such as head sizes.
        folder: Where the arrays are mapped from; None while they are only in memory.
    """

    file_names: NDArray[np.uint8]
    file_ends: NDArray[np.int64]
    image_ids: NDArray[Any]
    image_wh: NDArray[np.int32]
    image_index: NDArray[np.int32]
    bbox_xywh: NDArray[np.float32]
    bbox_score: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    keypoints_visible: NDArray[np.uint8]
    area: NDArray[np.float32]
    ann_ids: NDArray[np.int64]
    category_ids: NDArray[np.int32]
    extras: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    folder: Path | None = None

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, (dtype, letters) in FIELDS.items():
            array = getattr(self, name)
            expected = tuple(
                sizes.setdefault(x, n) if isinstance(x, str) else x
                for x, n in zip(letters, array.shape, strict=False)
            )
            good_type = array.dtype == dtype or (name == 'image_ids' and array.dtype.kind == 'U')
            if not good_type or array.shape != expected or array.ndim != len(letters):
                raise ValueError(
                    f'annotation store: {name} is {array.dtype} {array.shape}, expected {dtype} '
                    f'with shape {letters} where {sizes}'
                )
        for name, array in self.extras.items():
            if len(array) != len(self):
                raise ValueError(
                    f"annotation store: extra '{name}' has {len(array)} rows, expected {len(self)}"
                )

    @classmethod
    def pack(
        cls,
        *,
        file_names: Sequence[str],
        image_ids: ArrayLike,
        image_wh: ArrayLike,
        image_index: ArrayLike,
        bbox_xywh: ArrayLike,
        keypoints: ArrayLike,
        keypoints_visible: ArrayLike,
        ann_ids: ArrayLike,
        area: ArrayLike | None = None,
        category_ids: ArrayLike = 1,
        bbox_score: ArrayLike = 1.0,
        extras: Mapping[str, NDArray[Any]] | None = None,
    ) -> AnnotationStore:
        """Packs columns of any number type into a store; scalars count for every instance.

        Args:
            file_names: I names, relative to the image folder.
            area: (N,), px². The box area where it is None or NaN.

        The other arguments are the attributes of the class.
        """
        boxes = np.asarray(bbox_xywh, np.float64).reshape(-1, 4)
        box_area = boxes[:, 2] * boxes[:, 3]
        areas = box_area if area is None else np.asarray(area, np.float64)
        names = [name.encode() for name in file_names]
        image_ids = np.asarray(image_ids)
        columns = {
            'file_names': np.frombuffer(b''.join(names), np.uint8),
            'file_ends': np.cumsum([len(name) for name in names]),
            'image_ids': image_ids,
            'image_wh': np.asarray(image_wh).reshape(-1, 2),
            'image_index': image_index,
            'bbox_xywh': boxes,
            'bbox_score': np.broadcast_to(bbox_score, len(boxes)),
            'keypoints': keypoints,
            'keypoints_visible': keypoints_visible,
            'area': np.where(np.isnan(areas), box_area, areas),
            'ann_ids': ann_ids,
            'category_ids': np.broadcast_to(category_ids, len(boxes)),
        }
        dtypes = {name: dtype for name, (dtype, _) in FIELDS.items()}
        if image_ids.dtype.kind == 'U':
            dtypes['image_ids'] = image_ids.dtype.str
        arrays = {name: np.ascontiguousarray(columns[name], dtype=dtypes[name]) for name in FIELDS}
        return cls(**arrays, extras=dict(extras or {}))

    def __len__(self) -> int:
        return len(self.image_index)

    @property
    def num_keypoints(self) -> int:
        """K; 0 for detections."""
        return self.keypoints.shape[1]

    def file_name(self, image_index: int) -> str:
        """Returns the file name of an image by its row."""
        start = self.file_ends[image_index - 1] if image_index else 0
        return self.file_names[start : self.file_ends[image_index]].tobytes().decode()

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Writes the arrays and a header into an existing folder.

        Args:
            about: What the store was made from; anything JSON can hold.
        """
        arrays = {name: getattr(self, name) for name in FIELDS}
        arrays |= {f'extra.{name}': array for name, array in self.extras.items()}
        for name, array in arrays.items():
            _write(folder / f'{name}.npy', lambda file, a=array: np.save(file, a))
        header = {'format': FORMAT_VERSION, 'about': about, 'arrays': sorted(arrays)}
        text = json.dumps(header, indent=1).encode()
        _write(folder / HEADER, lambda file: file.write(text))

    @classmethod
    def load(cls, folder: Path) -> AnnotationStore:
        """Maps a store that :meth:`save` wrote; reads no data yet.

        Raises:
            OSError: If a file is missing.
            ValueError: If a file is damaged or of another format.
        """
        header = json.loads((folder / HEADER).read_text())
        if header['format'] != FORMAT_VERSION:
            raise ValueError(f'{folder} has format {header["format"]}, expected {FORMAT_VERSION}')
        # A plain view indexes several times faster than np.memmap and keeps the mapping alive.
        arrays = {
            name: np.load(folder / f'{name}.npy', mmap_mode='r').view(np.ndarray)
            for name in header['arrays']
        }
        extras = {
            name.removeprefix('extra.'): arrays.pop(name)
            for name in list(arrays)
            if name.startswith('extra.')
        }
        return cls(**arrays, extras=extras, folder=folder)

    def __reduce__(self) -> tuple[Any, ...]:
        # A started (not forked) worker maps the same files instead of receiving a copy.
        if self.folder is not None:
            return AnnotationStore.load, (self.folder,)
        arrays = tuple(getattr(self, name) for name in FIELDS)
        return AnnotationStore, (*arrays, dict(self.extras))


def _write(path: Path, write: Callable[[Any], object]) -> None:
    with path.open('wb') as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
