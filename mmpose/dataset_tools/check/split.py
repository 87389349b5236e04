"""One split of a dataset as the check sees it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmpose.dataset_tools.check.issues import Issue, IssueLog
from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.transforms.loading import LoadImage
from mmpose.structures import DatasetMeta


@dataclass
class Split:
    """Where a split lies, and its instances.

    Attributes:
        name: train, val or test.
        ann_file: Annotation file.
        image_folder: Folder that the file names start from, as ``loader`` takes it.
        dataset_meta: The skeleton of the config.
        log: Gets what is wrong in it.
        loader: Reads the images as training does.
        store: The instances; straight from the file, crowds and unlabelled ones left out, unless
            ``from_reader``. Empty until they are read.
        categories: Name of each category id.
        from_reader: The instances come from the dataset reader, which has made or clipped their
            boxes, instead of straight from the file.
        num_annotations: Entries in the file, usable or not.
    """

    name: str
    ann_file: Path
    image_folder: str
    dataset_meta: DatasetMeta
    log: IssueLog
    loader: LoadImage = field(default_factory=LoadImage)
    store: AnnotationStore = field(init=False)
    categories: dict[int, str] = field(default_factory=dict)
    from_reader: bool = False
    num_annotations: int = 0

    def __post_init__(self) -> None:
        nothing = np.zeros((0, self.dataset_meta.num_keypoints, 2))
        self.store = AnnotationStore.pack(
            **{'file_names': [], 'image_ids': [], 'image_wh': [], 'image_index': []},
            **{'bbox_xywh': [], 'ann_ids': []},
            keypoints=nothing,
            keypoints_visible=nothing[..., 0],
        )

    def image_path(self, image: int) -> str:
        """Returns the path of an image by its row."""
        return os.path.join(self.image_folder, self.store.file_name(image))

    def entry(self, row: int) -> str:
        """Returns what an instance is called in reports."""
        return f'annotation {self.store.ann_ids[row]}'

    def report(
        self,
        kind: str,
        entry: str,
        found: str,
        expected: str,
        image: str = '',
        file: str | None = None,
    ) -> None:
        """Logs an issue; the file is that of the annotations if no other is named."""
        path = str(file or self.ann_file)
        self.log.add(Issue(kind, self.name, path, entry, found, expected, image))

    def report_instance(self, kind: str, row: int, found: str, expected: str) -> None:
        """Logs an issue of an instance by its row."""
        image = self.store.file_name(self.store.image_index[row])
        self.report(kind, self.entry(row), found, expected, image)

    def report_image(self, kind: str, image: int, found: str, expected: str) -> None:
        """Logs an issue of an image by its row."""
        entry, name = f'image {self.store.image_ids[image]}', self.store.file_name(image)
        self.report(kind, entry, found, expected, name, self.image_path(image))
