"""Collate function: samples to the batch that a model takes, uint8 crops and small tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from mmpose.datasets.sample import FROM_ANNOTATION, NOT_PACKED, Sample

FLOATS = ('center', 'scale', 'rotation', 'bbox_xywh', 'bbox_score')
INTEGERS = ('ann_id', 'category_id', 'dataset_idx')
LISTS = ('img_id', 'image_file')
REQUIRED = frozenset({'image', *FLOATS, *INTEGERS, *LISTS})
KNOWN = REQUIRED | NOT_PACKED | set(FROM_ANNOTATION)


def collate_poses(samples: Sequence[Sample]) -> dict[str, Any]:
    """Returns the keyword arguments of a model's forward for B samples.

    Args:
        samples: B samples that ``TopdownAffine`` has cropped to one size.

    Returns:
        ``inputs``: (B, 3, h, w) uint8 BGR, stored channels last, so that packing is a plain copy.
        ``batch``: dict of ``center``, ``scale`` (B, 2), ``rotation``, ``bbox_score`` (B,) and
        ``bbox_xywh`` (B, 4), float32, img px; ``ann_id``, ``category_id``, ``dataset_idx``
        (B,) int64; lists ``img_id`` and ``image_file``; and, where the samples have them,
        ``keypoints`` (B, K, 2) in px and ``keypoints_visible`` (B, K), float32. In a mixture of
        datasets K is the largest of the batch; rows of a smaller skeleton end in zeros. Keys that
        a transform of the user's has added come stacked if they are numbers of one shape, as a
        list otherwise.

    Raises:
        ValueError: If a sample lacks keys that it needs or others have, or the shapes differ.
    """
    _check_keys(samples)
    batch: dict[str, Any] = {key: [sample[key] for sample in samples] for key in LISTS}
    for key in FLOATS:
        batch[key] = _stack(samples, key, np.float32)
    for key in FROM_ANNOTATION:
        if key in samples[0]:
            batch[key] = _stack_padded(samples, key)
    for key in INTEGERS:
        batch[key] = _stack(samples, key, np.int64)
    for key in samples[0].keys() - KNOWN:
        batch[key] = _stack_new([sample[key] for sample in samples])
    return {'inputs': _stack_images(samples), 'batch': batch}


def _check_keys(samples: Sequence[Sample]) -> None:
    for sample in samples:
        missing = REQUIRED - sample.keys()
        if missing:
            raise ValueError(
                f'{sample.get("image_file")}: the sample lacks {sorted(missing)}; a pipeline ends '
                'with LoadImage, GetBBoxCenterScale and TopdownAffine'
            )
    optional = set(FROM_ANNOTATION).union(*samples) - REQUIRED - NOT_PACKED
    for key in sorted(optional):
        has_key = {key in sample for sample in samples}
        if len(has_key) > 1:
            raise ValueError(f"some samples of a batch have '{key}' and others do not")


def _stack(samples: Sequence[Sample], key: str, dtype: type) -> Tensor:
    values = [sample[key] for sample in samples]
    try:
        return torch.from_numpy(np.array(values, dtype))
    except ValueError as error:
        shapes = sorted({np.shape(value) for value in values})
        raise ValueError(f"'{key}' has different shapes within a batch: {shapes}") from error


def _stack_new(values: list[Any]) -> Tensor | list[Any]:
    """Stacks numbers of one shape, in single precision; keeps anything else as it is."""
    arrays = [np.asarray(value) for value in values if not isinstance(value, dict)]
    kinds = {(array.shape, array.dtype.kind) for array in arrays}
    if len(arrays) < len(values) or len(kinds) > 1 or arrays[0].dtype.kind not in 'biuf':
        return values
    stacked = np.stack(arrays)
    return torch.from_numpy(stacked.astype(np.float32) if stacked.dtype == np.float64 else stacked)


def _stack_padded(samples: Sequence[Sample], key: str) -> Tensor:
    """Stacks rows of different lengths, one length per dataset, filled up with zeros."""
    shapes = {(sample['dataset_idx'], np.shape(sample[key])) for sample in samples}
    if len({shape for _, shape in shapes}) == 1:
        return _stack(samples, key, np.float32)
    for index in {index for index, _ in shapes}:
        own = sorted(shape for i, shape in shapes if i == index)
        if len(own) > 1:
            raise ValueError(
                f"'{key}' has different shapes within the samples of dataset {index}: {own}"
            )
    first = samples[0][key]
    longest = max(len(sample[key]) for sample in samples)
    out = np.zeros((len(samples), longest, *np.shape(first)[1:]), np.float32)
    for row, sample in zip(out, samples, strict=True):
        row[: len(sample[key])] = sample[key]
    return torch.from_numpy(out)


def _stack_images(samples: Sequence[Sample]) -> Tensor:
    images = [sample['image'] for sample in samples]
    kinds = {(image.shape, str(image.dtype)): i for i, image in enumerate(images)}
    if len(kinds) > 1 or images[0].ndim != 3 or images[0].dtype != np.uint8:
        named = [
            f'{shape} {dtype} (dataset {samples[i]["dataset_idx"]}, {samples[i]["image_file"]})'
            for (shape, dtype), i in sorted(kinds.items())
        ]
        raise ValueError(
            f'the images of a batch are {", ".join(named)}; expected one (h, w, 3) uint8 crop size'
        )
    shape = (len(images), *images[0].shape)
    # A worker writes where the main process can read, which saves the copy that sending makes.
    share = get_worker_info() is not None
    if share:
        storage = torch.UntypedStorage._new_shared(prod(shape), device='cpu')
        out = torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)
    else:
        out = torch.empty(shape, dtype=torch.uint8)
    np.stack(images, out=out.numpy())
    return out.permute(0, 3, 1, 2)  # (B, h, w, 3) -> (B, 3, h, w)
