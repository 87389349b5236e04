"""Base of the top-down datasets: one sample per instance (person, animal, hand)."""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch.utils.data import Dataset, get_worker_info

from mmpose.coco.instance_layout import CONFIDENCE
from mmpose.datasets.annotation_cache import load_or_build
from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.crop_buffer import CropBuffer, CropSteps, split_steps
from mmpose.datasets.instance_masks import unpack_masks
from mmpose.datasets.sample import (
    FROM_ANNOTATION,
    FROM_DATASET,
    Sample,
    SampleIndex,
    as_sample_index,
)
from mmpose.datasets.transforms import BadImageError, Compose
from mmpose.datasets.transforms.loading import LoadImage, image_loader
from mmpose.evaluation.functional import KeypointGroundTruth
from mmpose.metainfo import load_metainfo
from mmpose.structures import CropWindow, DatasetMeta

MASKS = 'masks'  # among the extra arrays of a store
# What a stored sample need not hold, because the dataset has it or it follows from the rest.
NOT_STORED = {'dataset_meta', 'others_xywh', MASKS, 'crop'}
MAX_REPLACEMENTS = 10
MIN_OTHER_SCORE = 0.3  # of a detected box that stands for another instance; as at inference


def image_prefix(
    data_prefix: Mapping[str, str] | None = None, img_prefix: str | None = None
) -> str:
    """Image folder of a dataset, relative to its ``data_root``, by its 1.x or its 0.x argument.

    Raises:
        ValueError: If both arguments are given, or ``data_prefix`` names another folder.
    """
    if data_prefix is None:
        return img_prefix or ''
    if img_prefix is not None:
        raise ValueError(
            f'dataset has data_prefix={dict(data_prefix)} and img_prefix={img_prefix!r}, its name '
            'in MMPose 0.x; set data_prefix.img and omit img_prefix'
        )
    if not isinstance(data_prefix, Mapping) or not set(data_prefix) <= {'img'}:
        raise ValueError(f'dataset.data_prefix is {data_prefix!r}, expected dict(img=...)')
    return data_prefix.get('img', '')


def stored_folder(data_root: str, prefix: str, loader: LoadImage) -> str | None:
    """Folder of images as the file backend that has them takes it; None for a local one."""
    joined = prefix if '://' in f'{prefix}' else os.path.join(data_root, prefix)
    return None if loader.is_local(joined) else joined


class KeypointDataset(Dataset[Sample]):
    """Top-down dataset: one sample per instance of its annotations.

    A reader of another format subclasses this and implements :meth:`parse`; if further files or
    arguments decide about the result, also :meth:`sources` and :meth:`parse_options`.

    Args:
        ann_file: Annotation file, relative to ``data_root`` unless absolute.
        data_root: Folder that the other paths start from.
        data_prefix: ``dict(img=...)``: image folder that the file names in the annotations start
            from.
        metainfo: Name, path or object of the skeleton; ``default_metainfo`` if None.
        pipeline: Configs of the transforms.
        test_mode: Samples come without ``keypoints`` and ``keypoints_visible``.
        indices: Only the first n instances, or those in a list.
        on_bad_image: What to do with a missing or damaged image. 'raise' stops. 'skip' warns once
            per file and process, and counts in ``bad_images``; a training sample is replaced by
            another one, which follows from seed, epoch and index; a test sample stays, as a blank
            image with box score 0, so that the metric counts it as not found and nothing is lost.
        dataset_idx: Number of this dataset in a mixture; samples carry it.
        img_prefix: The same as ``data_prefix``, as MMPose 0.x names it.
        with_visibility: Whether training samples carry ``visibility``, the flags of COCO, which a
            ``VisibilityHead`` learns from.

    Attributes:
        store: All instances of the file.
        indices: (len(self),). Rows of the store that ``indices`` and the like selected.
        sample_extras: Extra arrays of the store that become keys of the samples.
        layout: Layout of the annotation file, for what else reads it, such as a metric.
        bad_images: How often each bad file was met by this process.
        crops: Crops that other persons of an image have left; None without an image buffer.
    """

    default_metainfo = 'coco'
    crops: CropBuffer | None = None
    sample_extras: tuple[str, ...] = ()
    layout = 'coco'

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        metainfo: str | Path | DatasetMeta | None = None,
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        on_bad_image: str = 'raise',
        dataset_idx: int = 0,
        img_prefix: str | None = None,
        with_visibility: bool = False,
    ) -> None:
        if on_bad_image not in ('raise', 'skip'):
            raise ValueError(
                f"dataset.on_bad_image is '{on_bad_image}', expected 'raise' or 'skip'"
            )
        self.data_root = data_root
        self.ann_file = self._path('ann_file', ann_file)
        self.dataset_meta = load_metainfo(metainfo or self.default_metainfo)
        self.test_mode = test_mode
        self.with_visibility = with_visibility and not test_mode
        self.on_bad_image = on_bad_image
        self.dataset_idx = dataset_idx
        self.bad_images: Counter[str] = Counter()
        self.pipeline = Compose(pipeline, self._sample_keys())
        self.image_folder = self._image_folder(image_prefix(data_prefix, img_prefix))
        kind = f'{type(self).__module__}.{type(self).__qualname__}'
        self.store = load_or_build(
            self.sources(), {'reader': kind, **self.parse_options()}, self.parse
        )
        self.indices = self._select(self.candidates(), indices)

    @abstractmethod
    def parse(self) -> AnnotationStore:
        """Reads the annotation files; called only when the cache has nothing."""

    def sources(self) -> list[Path]:
        """Returns the files that :meth:`parse` reads."""
        return [self.ann_file]

    def parse_options(self) -> dict[str, Any]:
        """Returns what else decides about the result of :meth:`parse`, as JSON values."""
        return {'num_keypoints': self.dataset_meta.num_keypoints}

    def candidates(self) -> np.ndarray:
        """Returns the rows of the store that belong to the dataset."""
        return np.arange(len(self.store))

    @property
    def metainfo(self) -> dict[str, Any]:
        """Metainfo for metrics and visualizers: that of MMPose 1.x, and more."""
        meta = {
            **self.dataset_meta.metainfo(),
            'dataset_meta': self.dataset_meta,
            'ann_file': str(self.ann_file),
            'dataset_type': type(self).__name__,
            'ground_truth': self.ground_truth,
        }
        if len(self) != len(self.candidates()):  # ids of the images of which ``indices`` are
            meta['chosen_images'] = self.store.image_ids[np.unique(self.image_indices())]
        return meta

    def ground_truth(self) -> KeypointGroundTruth:
        """Returns all instances of the store, in its order, as the evaluation takes them."""
        store = self.store
        keypoints_visible = store.keypoints_visible > 0
        return KeypointGroundTruth(
            image_ids=store.image_ids,
            category_ids=np.unique(store.category_ids).astype(np.int64),
            ann_id=store.ann_ids,
            image_id=store.image_ids[store.image_index],
            category_id=store.category_ids.astype(np.int64),
            keypoints=store.keypoints.astype(np.float64),
            keypoints_visible=keypoints_visible,
            area=store.area.astype(np.float64),
            bbox_xywh=store.bbox_xywh.astype(np.float64),
            iscrowd=np.zeros(len(store), np.bool_),
            num_labelled=keypoints_visible.sum(axis=1),
            source=str(self.ann_file),
            extras=store.extras,
        )

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int | SampleIndex) -> Sample:
        """Returns a sample that went through the pipeline.

        Args:
            index: What a ``PoseSampler`` yields; an int stands for epoch 0 and seed 0.

        Raises:
            TypeError: For an int in training, whose augmentation would never change.
        """
        # A forked worker has the threads of OpenCV in name only: using them hangs it.
        if get_worker_info() is not None and cv2.getNumThreads() > 1:
            cv2.setNumThreads(0)
        index = as_sample_index(index, self.test_mode)
        for attempt in range(MAX_REPLACEMENTS):
            try:
                return self._prepare(index)
            except BadImageError as error:
                if self.on_bad_image == 'raise':
                    raise
                self._count_bad(index, error)
            if self.test_mode:
                return self._prepare(index, blank=True)
            index = self._replacement(index, attempt)
        raise BadImageError(
            f'{MAX_REPLACEMENTS} images in a row are missing or damaged; check {self.image_folder}'
        )

    @property
    def crop_wh(self) -> tuple[int, int] | None:
        """Size of the crops that persons of an image can leave for each other; None if none can."""
        return self._steps.crop[-1].input_size if self._steps else None

    def use_crops(self, crops: CropBuffer | None) -> None:
        """Takes the crops that other persons of an image have left."""
        self.crops = crops if crops is not None and crops.crop_wh == self.crop_wh else None

    def read_image(self, file_name: str) -> np.ndarray:
        """Returns an image by its name in the annotations, (H, W, 3) uint8 BGR."""
        return image_loader(self).read(os.path.join(self.image_folder, file_name))

    def image_indices(self) -> np.ndarray:
        """Returns the image of each sample, (len(self),)."""
        return self.store.image_index[self.indices]

    def get_sample(self, index: int) -> Sample:
        """Returns a sample as it is annotated, before the pipeline; see ``datasets/sample.py``."""
        if not 0 <= index < len(self):
            raise IndexError(f'sample {index} of {len(self)}')
        row = int(self.indices[index])
        store = self.store
        image = int(store.image_index[row])
        width, height = store.image_wh[image].tolist()
        sample: Sample = {
            'image_file': os.path.join(self.image_folder, store.file_name(image)),
            'image_wh': (width, height),
            'img_id': store.image_ids[image].item(),
            'ann_id': int(store.ann_ids[row]),
            'category_id': int(store.category_ids[row]),
            'bbox_xywh': store.bbox_xywh[row].copy(),
            'bbox_score': float(store.bbox_score[row]),
            'area': float(store.area[row]),
            'dataset_idx': self.dataset_idx,
            'dataset_meta': self.dataset_meta,
        }
        self._add_others(sample, row)
        if not self.test_mode:
            sample['keypoints'] = store.keypoints[row].copy()
            confidence = store.extras.get(CONFIDENCE)
            visible = store.keypoints_visible[row] > 0 if confidence is None else confidence[row]
            sample['keypoints_visible'] = visible.astype(np.float32)
        if self.with_visibility:
            sample['visibility'] = store.keypoints_visible[row].astype(np.float32)
        for name in self.sample_extras:
            sample[name] = np.array(store.extras[name][row])
        return sample

    def _prepare(self, index: SampleIndex, blank: bool = False) -> Sample:
        if self.crops is not None:
            stored = self._read_crop(index)
            if stored is not None:
                return self.pipeline(stored, self._steps.rest)
        sample = self.get_sample(index.index)
        sample['rng'] = index.generator()
        if blank:
            width, height = sample['image_wh']
            sample['image'] = np.zeros((max(height, 1), max(width, 1), 3), np.uint8)
            sample['bbox_score'] = 0.0
        if self._steps is None:
            return self.pipeline(sample)
        window, crop, rest = self._steps
        decoded = sample['decoded'] = {}
        sample = self._shape_window(sample)
        siblings = self._shape_siblings(index, decoded)
        if window:
            decoded['num_rows'] = max(map(crop[-1].num_rows, (sample, *siblings.values())))
        sample = self.pipeline(sample, crop)
        for other, sibling in siblings.items():
            with suppress(BadImageError, RuntimeError):  # is said when its turn comes
                self._write_crop(other, self.pipeline(sibling, crop))
        return self.pipeline(sample, rest)

    def _write_crop(self, index: SampleIndex, sample: Sample) -> None:
        stored = {key: value for key, value in sample.items() if key not in NOT_STORED}
        self.crops.write(index, {**stored, 'rng': sample['rng'].bit_generator.state})

    def _read_crop(self, index: SampleIndex) -> Sample | None:
        """Returns a sample after ``TopdownAffine``, if another one of its image has left it."""
        sample = self.crops.read(index)
        if sample is None:
            return None
        rng, affine = index.generator(), self._steps.crop[-1]
        rng.bit_generator.state = sample['rng']
        window = (sample['center'], sample['scale'], affine.input_size, sample['rotation'])
        self._add_others(sample, int(self.indices[index.index]))
        own = dict(rng=rng, crop=CropWindow(*window, affine.use_udp))
        return {**sample, **own, 'dataset_meta': self.dataset_meta}

    @cached_property
    def _steps(self) -> CropSteps | None:
        return split_steps(self.pipeline.transforms)

    def _shape_window(self, sample: Sample) -> Sample:
        """Runs what needs no pixels; a size that is not annotated is that of the decoded image."""
        window, crop, _ = self._steps
        has_size = sample['image_wh'] != (0, 0) or not window
        return self.pipeline(sample, window if has_size else [crop[0], *window])

    def _shape_siblings(
        self, index: SampleIndex, decoded: dict[Any, Any]
    ) -> dict[SampleIndex, Sample]:
        """Other samples of the image and the epoch whose crops are not there yet."""
        siblings = {}
        for other in index.siblings() if self.crops is not None else ():
            if other not in self.crops:
                sample = self.get_sample(other.index)
                sample['rng'], sample['decoded'] = other.generator(), decoded
                with suppress(BadImageError, RuntimeError):  # is said when its turn comes
                    siblings[other] = self._shape_window(sample)
        return siblings

    def has_step_that_reads(self, key: str) -> bool:
        """Returns whether a transform of the pipeline declares that it reads a key."""
        return key in self._read_keys

    @cached_property
    def _read_keys(self) -> set[str]:
        return set().union(*(getattr(step, 'reads', ()) for step in self.pipeline.transforms))

    @cached_property
    def _rows_by_image(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the store in the order of their images, and these images."""
        rows = np.flatnonzero(self.store.bbox_score >= MIN_OTHER_SCORE)
        rows = rows[np.argsort(self.store.image_index[rows], kind='stable')]
        return rows, self.store.image_index[rows]

    def _add_others(self, sample: Sample, row: int) -> None:
        """Adds boxes and masks of the other instances of an image, if a transform reads them."""
        if not self.has_step_that_reads('others_xywh'):
            return
        rows, images = self._rows_by_image
        image = self.store.image_index[row]
        own = rows[slice(*np.searchsorted(images, [image, image + 1]))]
        others = own[own != row]
        sample['others_xywh'] = self.store.bbox_xywh[others]
        if MASKS in self.store.extras:
            sample['masks'] = unpack_masks(self.store.extras[MASKS][[row, *others]])

    def _replacement(self, index: SampleIndex, attempt: int) -> SampleIndex:
        rng = np.random.default_rng((index.seed, index.epoch, index.index, attempt))
        return index._replace(index=int(rng.integers(len(self))), place=-1, ahead=())

    def _count_bad(self, index: SampleIndex, error: BadImageError) -> None:
        path = self.get_sample(index.index)['image_file']
        self.bad_images[path] += 1
        if self.bad_images[path] == 1:
            instead = 'a blank image with score 0' if self.test_mode else 'another sample'
            warnings.warn(f'{error}; using {instead} instead', stacklevel=3)

    def _image_folder(self, prefix: str) -> str:
        """Folder of the images, or what a file backend of mmengine takes for one."""
        stored = stored_folder(self.data_root, prefix, image_loader(self))
        if stored is not None:
            return stored
        folder = str(self._path('data_prefix', prefix))
        if not os.path.isdir(folder):
            raise FileNotFoundError(
                f'image folder {folder} does not exist; set dataset.data_root and '
                'dataset.data_prefix.img'
            )
        return folder

    def _path(self, field: str, path: str) -> Path:
        if not isinstance(path, str | Path):
            raise TypeError(f'dataset.{field} is {path!r}, expected a path')
        return Path(os.path.abspath(Path(self.data_root).expanduser() / Path(path).expanduser()))

    def _select(self, rows: np.ndarray, indices: int | Sequence[int] | None) -> np.ndarray:
        if isinstance(indices, int):
            rows = rows[: max(indices, 0)]
        elif indices is not None:
            wanted = np.asarray(indices, np.int64)
            outside = wanted[(wanted < 0) | (wanted >= len(rows))]
            if outside.size:
                raise ValueError(
                    f'dataset.indices holds {outside[0]}, but {self.ann_file} has {len(rows)} '
                    'instances'
                )
            rows = rows[wanted]
        if not len(rows):
            raise ValueError(f'dataset.indices={indices!r} leaves no instance of {self.ann_file}')
        if not self.test_mode and not self.store.keypoints_visible[rows].any():
            raise ValueError(
                f'{self.ann_file}: none of the {len(rows)} chosen instances has a keypoint with '
                'visibility > 0; there is nothing to train on'
            )
        if self.with_visibility:
            self._check_flags(rows)
        return rows

    def _check_flags(self, rows: np.ndarray) -> None:
        hidden, visible = ((self.store.keypoints_visible[rows] == v).sum() for v in (1, 2))
        if not hidden or not visible:
            raise ValueError(
                f'{self.ann_file}: {visible} keypoints are visible (v=2) and {hidden} occluded '
                '(v=1), but dataset.with_visibility needs both to learn the difference; train '
                'without model.visibility_head'
            )

    def _sample_keys(self) -> set[str]:
        annotated = () if self.test_mode else FROM_ANNOTATION
        annotated += ('visibility',) * self.with_visibility
        return {*FROM_DATASET, *annotated, *self.sample_extras}
