"""Keys of a sample, the dictionary that goes through the pipeline of a dataset.

A transform declares what it needs in ``reads`` and what it adds or changes in ``writes``; the
pipeline is checked against these when it is built. One key has one shape and one frame, except
that ``TopdownAffine`` moves ``keypoints`` from the image (img px) to the crop (in px).

A horizontal flip is lazy: ``flipped`` says that all coordinates are those of the mirrored image,
while ``image`` holds the pixels as they were read, until ``TopdownAffine`` mirrors and crops in
one step. So ``center``, ``bbox_xywh`` and ``crop`` of a flipped sample speak of the mirrored image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import get_worker_info

Sample = dict[str, Any]

SAMPLE_KEYS = {
    'image_file': 'str. Path of the image.',
    'image_wh': '(2,) ints, px. Size of the whole image; (0, 0) while nobody knows it.',
    'img_id': 'int or str. Id of the image in the annotation file.',
    'ann_id': 'int. Id of the annotation, or running number of the detection.',
    'category_id': 'int.',
    'bbox_xywh': '(4,) float32, img px. The box without padding.',
    'others_xywh': '(M, 4) float32, img px, not mirrored. Boxes of all other instances.',
    'masks': '(1 + M, S, S) uint8, 0 or 255, not mirrored. Own mask and those of others, in boxes.',
    'bbox_score': 'float. Confidence of the box; 1 for ground truth.',
    'area': 'float, px². Annotated area.',
    'keypoints': '(K, 2) float32, img px; in px after the crop. Absent at test time.',
    'keypoints_visible': '(K,) float32, 1 labelled or 0 not, or a confidence. Absent at test time.',
    'visibility': '(K,) float32. COCO flags v = 0, 1, 2, where a visibility head wants them.',
    'dataset_idx': 'int. Place of its dataset in a mixture, from 0.',
    'dataset_meta': 'DatasetMeta. The skeleton.',
    'rng': 'np.random.Generator. The only source of randomness.',
    'image': '(H, W, 3) uint8, BGR. The image; after the crop (h, w, 3), or more with a condition.',
    'decoded': 'dict. shrink -> image that samples share; they need ``num_rows`` from its top.',
    'shrink': 'int. Factor by which ``image`` was decoded smaller; 1 if absent.',
    'center': '(2,) float64, img px. Centre of the crop window.',
    'scale': '(2,) float64, img px. Width and height of the window, padding included.',
    'rotation': 'float, degrees. Rotation of the window; 0 if absent.',
    'flipped': 'bool. The coordinates are those of the mirrored image; False if absent.',
    'crop': 'CropWindow. The window as it was cropped.',
    'teacher_keypoints': '(K, 3) float32, in px, and score. Poses of a teacher, if there is one.',
}

# Keys that are of no use to a model.
NOT_PACKED = {'area', 'dataset_meta', 'rng', 'image_wh', 'shrink', 'flipped', 'crop',
              'others_xywh', 'masks'}  # fmt: skip

FROM_DATASET = (
    'image_file', 'image_wh', 'img_id', 'ann_id', 'category_id', 'bbox_xywh', 'bbox_score',
    'area', 'dataset_idx', 'dataset_meta', 'rng', 'others_xywh',
)  # fmt: skip
FROM_ANNOTATION = ('keypoints', 'keypoints_visible')


class SampleIndex(NamedTuple):
    """Index of a sample in an epoch, from which all random numbers of the sample follow.

    Attributes:
        index: Position in the dataset.
        epoch: Number of the pass over the dataset, from 0.
        seed: Seed of the run, not negative.
        repeat: How often the epoch has had the sample before; above 0 only where a mixture of
            datasets repeats samples on purpose.
        place: Place in the order of the epoch; -1 without an image buffer.
        ahead: Samples of the same image that come later, relative to this one: steps in the order,
            difference of the index, and ``repeat``.
    """

    index: int
    epoch: int = 0
    seed: int = 0
    repeat: int = 0
    place: int = -1
    ahead: tuple[tuple[int, int, int], ...] = ()

    def generator(self) -> np.random.Generator:
        """Returns the random number generator of the sample, at its start."""
        repeat = (self.repeat,) if self.repeat else ()
        entropy: Any = (self.seed, self.epoch, self.index, *repeat)
        if self.seed < 1 << 32:
            entropy = np.array(entropy, np.uint32)  # the same numbers, sooner
        return np.random.default_rng(entropy)

    def siblings(self) -> Iterator[SampleIndex]:
        """Yields the samples of the same image that come later."""
        for steps, step, repeat in self.ahead:
            place, index = self.place + steps, self.index + step
            yield SampleIndex(index, self.epoch, self.seed, repeat, place)


_IS_TRAINING_DRAW: ContextVar[bool] = ContextVar('is_training_draw', default=False)


def training_draws(batches: Iterable[Any]) -> Iterator[Any]:
    """Yields the batches of a loader; while it makes one, `as_sample_index` refuses integers."""
    iterator, end = iter(batches), object()
    while True:
        token = _IS_TRAINING_DRAW.set(True)
        try:
            batch = next(iterator, end)
        finally:
            _IS_TRAINING_DRAW.reset(token)
        if batch is end:
            return
        yield batch


def as_sample_index(index: int | SampleIndex, test_mode: bool) -> SampleIndex:
    """Returns the index of a sample; an integer stands for epoch 0 and seed 0.

    Raises:
        TypeError: For an integer in training, whose augmentation would never change.
    """
    if isinstance(index, SampleIndex):
        return index
    if not test_mode and (_IS_TRAINING_DRAW.get() or get_worker_info() is not None):
        raise TypeError(
            f'sample {index} was drawn as {type(index).__name__}, which has the same augmentation '
            'in every epoch; draw with PoseSampler, and let a dataset that wraps this one hand its '
            'SampleIndex on'
        )
    return SampleIndex(int(index))
