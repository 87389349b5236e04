"""InterHand2.6M dataset: single hands in single images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.base import KeypointDataset
from mmpose.datasets.interhand_json import read_interhand
from mmpose.registry import DATASETS


@DATASETS.register_module()
class InterHand2DDataset(KeypointDataset):
    """Hands of InterHand2.6M, one instance each: a right one, a left one, or both of an image.

    ``ann_id`` is twice the annotation id, plus 1 for a left hand. The box is the tight one around
    the valid joints.

    Args:
        ann_file: ``InterHand2.6M_SPLIT_data.json``.
        camera_file: ``InterHand2.6M_SPLIT_camera.json``, relative to ``data_root`` unless
            absolute.
        joint_file: ``InterHand2.6M_SPLIT_joint_3d.json``, likewise.

    The other arguments are those of ``KeypointDataset``.
    """

    layout = default_metainfo = 'interhand2d'

    def __init__(
        self,
        ann_file: str,
        camera_file: str,
        joint_file: str,
        data_root: str = '',
        **kwargs: Any,
    ) -> None:
        self.data_root = data_root
        self.camera_file = self._path('camera_file', camera_file)
        self.joint_file = self._path('joint_file', joint_file)
        super().__init__(ann_file, data_root, **kwargs)

    def parse(self) -> AnnotationStore:
        return read_interhand(self.ann_file, self.camera_file, self.joint_file, self.dataset_meta)

    def sources(self) -> list[Path]:
        return [self.ann_file, self.camera_file, self.joint_file]
