"""BaseCocoStyleDataset: what datasets that were written for MMPose 1.x derive from."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.coco import CocoDataset

# Arguments of MMPose without effect here: annotations are packed and shared in any case.
WITHOUT_EFFECT = ('serialize_data', 'lazy_init', 'max_refetch')
OTHER_METHODS = ('parse_data_info', 'prepare_data', 'get_data_info', '_load_detection_results')


class BaseCocoStyleDataset(CocoDataset):
    """COCO dataset whose class says its skeleton, and may read another layout, as in MMPose 1.x.

    A subclass sets ``METAINFO``, a dict as MMPose has it or ``dict(from_file=PATH)``. One of
    another layout overrides ``_load_annotations`` or ``load_data_list``, which give dicts of
    instances with ``id``, ``img_id``, ``img_path``, ``bbox`` (1, 4) as corners, ``keypoints``
    (1, K, 2) and ``keypoints_visible`` (1, K).

    Args:
        ann_file: See ``CocoDataset``.
        bbox_file: Boxes of a detector, from the working folder.
        data_mode: ``topdown``, the only one here.
        metainfo: Another skeleton than that of the class.
        data_root: See ``CocoDataset``.
        filter_cfg: ``dict(bbox_score_thr=...)``.
        sample_interval: Takes one of so many instances.
        **kwargs: Arguments of ``CocoDataset``.

    Raises:
        ValueError: For bottom-up data, or another filter.
    """

    METAINFO: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in OTHER_METHODS:
            if name in vars(cls):
                raise TypeError(
                    f'{cls.__name__} overrides {name}, which is not called here; override '
                    '_load_annotations, which gives (instances, images), or put what it does into '
                    'a transform'
                )

    def __init__(
        self,
        ann_file: str = '',
        bbox_file: str | None = None,
        data_mode: str = 'topdown',
        metainfo: Any = None,
        data_root: str | None = None,
        filter_cfg: Mapping[str, Any] | None = None,
        sample_interval: int = 1,
        **kwargs: Any,
    ) -> None:
        filters = dict(filter_cfg or {})
        if 'bbox_score_thr' in filters:
            kwargs['bbox_score_thr'] = filters.pop('bbox_score_thr')
        if data_mode != 'topdown' or filters:
            raise ValueError(
                f'{type(self).__name__} has data_mode={data_mode!r} and filter_cfg={filter_cfg}; '
                "expected 'topdown', and no filter but bbox_score_thr"
            )
        for name in WITHOUT_EFFECT:
            kwargs.pop(name, None)
        super().__init__(
            ann_file,
            data_root or '',
            metainfo=metainfo or self.METAINFO or 'coco',
            bbox_file=os.path.abspath(bbox_file) if bbox_file else None,
            **kwargs,
        )
        self.indices = self.indices[::sample_interval]

    def _load_annotations(self) -> tuple[Sequence[Mapping[str, Any]], Sequence[Any]]:
        """Returns instances and images of another layout than COCO's."""
        raise NotImplementedError

    def load_data_list(self) -> Sequence[Mapping[str, Any]]:
        """Returns the instances of another layout than COCO's."""
        return self._load_annotations()[0]

    @property
    def _is_other_layout(self) -> bool:
        own, base = type(self), BaseCocoStyleDataset
        return self.bbox_file is None and (
            own.load_data_list is not base.load_data_list
            or own._load_annotations is not base._load_annotations
        )

    def parse(self) -> AnnotationStore:
        return _pack(self.load_data_list()) if self._is_other_layout else super().parse()

    def parse_options(self) -> dict[str, Any]:
        options = super().parse_options()
        if self._is_other_layout:  # another text of the class is another reader
            code = inspect.getsource(type(self)).encode()
            options['code'] = hashlib.sha256(code).hexdigest()
        return options


def _pack(instances: Sequence[Mapping[str, Any]]) -> AnnotationStore:
    """Packs instances of MMPose, which have one row in each of their arrays."""
    images = {str(one['img_path']): one for one in instances}
    places = {path: i for i, path in enumerate(images)}
    corners = np.array([np.asarray(one['bbox'], float).reshape(4) for one in instances])
    visible = np.array([np.asarray(one['keypoints_visible'])[0] for one in instances])
    return AnnotationStore.pack(
        file_names=list(images),
        image_ids=[one['img_id'] for one in images.values()],
        image_wh=[one.get('img_wh', (0, 0)) for one in images.values()],
        image_index=[places[str(one['img_path'])] for one in instances],
        bbox_xywh=np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1),
        keypoints=np.array([np.asarray(one['keypoints'])[0] for one in instances]),
        keypoints_visible=np.where(visible > 0, 2, 0),
        ann_ids=[one['id'] for one in instances],
        area=[float(one.get('area', np.nan)) for one in instances],
        category_ids=[int(one.get('category_id', 1)) for one in instances],
    )
