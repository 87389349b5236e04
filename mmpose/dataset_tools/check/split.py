"""One split of a dataset as the doctor sees it: columns that may hold anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import DatasetMeta


@dataclass
class Split:
    """I images and N annotated instances with K keypoints.

    Attributes:
        name: train, val or test.
        ann_file: Annotation file.
        image_folder: Folder that the file names start from.
        dataset_meta: The skeleton of the config.
        image_ids: I ids.
        file_names: I names, relative to the folder.
        image_wh: (I, 2) int64, px; (0, 0) where the file does not say.
        image_index: (N,) int64. Row of the image of each instance.
        ann_ids: N ids.
        category_ids: (N,) int64.
        bbox_xywh: (N, 4) float64, img px, finite, sizes >= 0.
        area: (N,) float64, px²; NaN where there is none.
        keypoints: (N, K, 2) float32, img px.
        keypoints_visible: (N, K) uint8. 0 not labelled, 1 hidden, 2 visible.
        categories: Name of each category id.
        from_reader: The instances come from the dataset reader, which has made or clipped their
            boxes, instead of straight from the file.
        num_annotations: Entries in the file, usable or not.
    """

    name: str
    ann_file: Path
    image_folder: Path
    dataset_meta: DatasetMeta
    image_ids: list[int | str] = field(default_factory=list)
    file_names: list[str] = field(default_factory=list)
    image_wh: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    image_index: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    ann_ids: list[int] = field(default_factory=list)
    category_ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    bbox_xywh: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))
    area: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    keypoints: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 2), np.float32))
    keypoints_visible: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    categories: dict[int, str] = field(default_factory=dict)
    from_reader: bool = False
    num_annotations: int = 0

    def image_name(self, row: int) -> str:
        """Returns the file name of the image of an instance."""
        return self.file_names[self.image_index[row]]

    def image_path(self, image: int) -> Path:
        """Returns the path of an image by its row."""
        return self.image_folder / self.file_names[image]

    def entry(self, row: int) -> str:
        """Returns what an instance is called in reports."""
        return f'annotation {self.ann_ids[row]}'
