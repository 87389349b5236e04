"""Compose: runs the transforms of a pipeline and names the one that failed, with its image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mmpose.datasets.sample import FROM_ANNOTATION, FROM_DATASET, Sample
from mmpose.datasets.transforms.loading import BadImageError
from mmpose.datasets.transforms.mmcv_step import MmcvStep, is_foreign
from mmpose.registry import TRANSFORMS

Transform = Callable[[Sample], Sample]


class Compose:
    """Applies transforms in order.

    When it is built it checks that every key a transform ``reads`` is there by then, as far as
    the transforms before it declare what they write.

    Args:
        transforms: Transforms or their configs.
        keys: Keys that the samples have at the start.

    Raises:
        ValueError: If a transform reads a key that nothing before it writes.
    """

    def __init__(
        self,
        transforms: Sequence[dict[str, Any] | Transform],
        keys: Iterable[str] = (*FROM_DATASET, *FROM_ANNOTATION),
    ) -> None:
        self.transforms: list[Transform] = [_build(step) for step in transforms]
        self._check_order(set(keys))

    def __call__(self, sample: Sample, steps: Sequence[Transform] | None = None) -> Sample:
        for transform in self.transforms if steps is None else steps:
            try:
                sample = transform(sample)
            except BadImageError:
                raise  # names the file, and the dataset may want to go on without it
            except Exception as error:
                raise RuntimeError(
                    f'{_name(transform)} failed on {sample.get("image_file", "an image in memory")}'
                    f' (annotation {sample.get("ann_id")}): {type(error).__name__}: {error}'
                ) from error
        return sample

    def _check_order(self, keys: set[str]) -> None:
        for transform in self.transforms:
            missing = set(getattr(transform, 'reads', ())) - keys
            if missing:
                raise ValueError(
                    f'{_name(transform)} reads {sorted(missing)}, which neither the dataset nor a '
                    f'transform before it gives; the pipeline is '
                    f'{[_name(step) for step in self.transforms]}'
                )
            writes = getattr(transform, 'writes', None)
            if writes is None:
                return  # it may write anything
            keys |= set(writes)


def _build(step: dict[str, Any] | Transform) -> Transform:
    if isinstance(step, dict):
        if isinstance(step['type'], str) and TRANSFORMS.get(step['type']) is None:
            import mmcv.transforms  # registers those of mmcv  # noqa: F401
        step = TRANSFORMS.build(step)
    return MmcvStep(step) if is_foreign(step) else step


def _name(transform: Transform) -> str:
    return getattr(transform, '__name__', type(transform).__name__)
