"""Crops in shared memory, so that an image is decoded once for all its persons of an epoch."""

from __future__ import annotations

import mmap
import os
import pickle
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from mmengine.dist import all_gather_object, get_rank
from mmengine.logging import print_log
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample, SampleIndex
from mmpose.datasets.transforms import LoadImage, TopdownAffine

HEADER = 2  # int64 of a slot: tag, and bytes of the sample
ROOM = 4096  # bytes for a sample without its pixels


class CropSteps(NamedTuple):
    """Transforms of a pipeline in the order of work: of the window, of its pixels, of the crop."""

    window: Sequence[Any]
    crop: Sequence[Any]
    rest: Sequence[Any]


def split_steps(transforms: Sequence[Any]) -> CropSteps | None:
    """Splits a pipeline so that the window of a crop is known before its image is decoded.

    None if a transform up to ``TopdownAffine`` is not ours or reads the whole image, so that it may
    need more than a crop. A ``LoadImage`` that depends on the window stays where it is.
    """
    others: dict[bool, list[Any]] = {True: [], False: []}
    for done, step in enumerate(transforms, 1):
        is_load = type(step) is LoadImage
        if type(step) is TopdownAffine:
            if [load.reduced_for_wh for load in others[True]] == [None]:
                return CropSteps(others[False], [*others[True], step], transforms[done:])
            return CropSteps([], transforms[:done], transforms[done:])
        is_ours = type(step).__module__.startswith('mmpose.datasets.transforms.')
        if not is_ours or (not is_load and 'image' in getattr(step, 'reads', 'image')):
            return None
        others[is_load].append(step)
    return None


class CropBuffer:
    """Ring of cropped samples in memory that all processes of a machine share.

    A sample has the slot of its place in the epoch, and a tag says whose crop is there. A sample
    that is not there is no error: whoever needs it decodes the image. The memory has no name, so
    nothing is left of it when its processes have ended, however they did.

    Args:
        num_slots: Crops.
        crop_wh: Width and height of a crop, px.
        address: Process id, file descriptor and inode of a buffer to share; None for a new one.

    Raises:
        OSError: If there is no such buffer, no such memory (not Linux), or too little of it.
    """

    def __init__(
        self, num_slots: int, crop_wh: tuple[int, int], address: tuple[int, int, int] | None = None
    ) -> None:
        self.num_slots, self.crop_wh = num_slots, crop_wh
        shape = (num_slots, crop_wh[1], crop_wh[0], 3)
        heads = num_slots * HEADER * 8
        self.num_bytes = heads + num_slots * ROOM + int(np.prod(shape))
        if address is None:
            if not hasattr(os, 'memfd_create'):
                raise OSError('shared memory without a name is a matter of Linux')
            installed = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
            if self.num_bytes > installed / 2:
                raise OSError(
                    f'{num_slots} crops take {self.num_bytes / 2**20:.0f} MiB, more than half of '
                    'the memory; lower train_dataloader.sampler.image_buffer'
                )
            self._file = os.fdopen(os.memfd_create('crops'), 'r+b', buffering=0)
            self._file.truncate(self.num_bytes)
            inode = os.fstat(self._file.fileno()).st_ino
            address = (os.getpid(), self._file.fileno(), inode)
        else:
            self._file = open(f'/proc/{address[0]}/fd/{address[1]}', 'r+b', buffering=0)  # noqa: SIM115
            if os.fstat(self._file.fileno()).st_ino != address[2]:
                raise OSError(f'process {address[0]} has another file')
        self.address = address
        memory = np.frombuffer(mmap.mmap(self._file.fileno(), self.num_bytes), np.uint8)
        heads, keys, pixels = np.split(memory, [heads, heads + num_slots * ROOM])
        self._heads = heads.view(np.int64).reshape(num_slots, HEADER)
        self._keys = keys.reshape(num_slots, ROOM)
        self._pixels = pixels.reshape(shape)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.num_slots, self.crop_wh, self.address)

    def __contains__(self, index: SampleIndex) -> bool:
        return bool(self._heads[index.place % self.num_slots, 0] == _tag(index))

    def read(self, index: SampleIndex) -> Sample | None:
        """Returns a sample as it was stored; None if it is not there."""
        if index not in self:
            return None
        with self._locked(index) as slot:
            tag, num_bytes = self._heads[slot].tolist()
            image, stored = self._pixels[slot].copy(), self._keys[slot, :num_bytes].tobytes()
        return {**_unpack(stored), 'image': image} if tag == _tag(index) else None

    def write(self, index: SampleIndex, sample: Sample) -> None:
        """Stores a sample, its ``image`` (h, w, 3); not one whose other keys exceed the room."""
        stored = _pack({key: value for key, value in sample.items() if key != 'image'})
        if len(stored) > ROOM:
            return
        with self._locked(index) as slot:
            self._heads[slot, 0] = 0  # a process that dies here leaves no half sample
            self._pixels[slot] = sample['image']
            self._keys[slot, : len(stored)] = np.frombuffer(stored, np.uint8)
            self._heads[slot] = _tag(index), len(stored)

    @contextmanager
    def _locked(self, index: SampleIndex) -> Iterator[int]:
        """Keeps other processes from a slot; the system ends the lock of one that dies."""
        import fcntl

        slot = index.place % self.num_slots
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, slot)
        try:
            yield slot
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)


def share_crops(
    num_slots: int, crop_wh: tuple[int, int] | None
) -> tuple[CropBuffer | None, list[int]]:
    """Opens one buffer for the ranks of this machine; all ranks call it.

    Args:
        num_slots: Crops.
        crop_wh: Width and height of a crop, px; None if there are none to share.

    Returns:
        The buffer, None if there is none; and the ranks that share it.
    """
    rank, host = get_rank(), socket.gethostname()
    try:
        if crop_wh is None:
            raise OSError('a transform before TopdownAffine may need the whole image')
        buffer = CropBuffer(num_slots, crop_wh)
    except OSError as error:
        print_log(f'no image_buffer, each person decodes its image: {error}', 'current', 30)
        buffer = None
    offers = all_gather_object((host, buffer and buffer.address))
    ranks = [other for other, offer in enumerate(offers) if offer[0] == host and offer[1]]
    if buffer is not None and ranks[0] != rank:
        try:
            buffer = CropBuffer(num_slots, crop_wh, offers[ranks[0]][1])
        except OSError:  # another container with the same name of the host
            ranks = [rank]
    elif buffer is not None:
        print_log(
            f'image_buffer: {num_slots} crops of {"x".join(map(str, crop_wh))} px take up to '
            f'{buffer.num_bytes / 2**20:.0f} MiB, shared by all workers and ranks of this machine',
            'current',
        )
    return buffer, ranks


def spread_images(
    images: NDArray[np.int64], window: int, max_together: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order in which the samples of an image stand apart, but within a window of the epoch.

    The samples of an image get a random place in the epoch, which is taken as a circle, and spread
    evenly over a window from there on; so each sample is anywhere with the same probability.

    Args:
        images: (N,). Image of each sample, in random order.
        window: Samples.
        max_together: An image of more samples counts as several, each with a place of its own.
        rng: Random numbers of the epoch.

    Returns:
        order: (N,). Indices into ``images``.
        groups: (N,). Number of the image of each of them, several for one of many samples.
    """
    earlier = count_earlier(images)
    keys = images.astype(np.int64) * (len(images) + 1) + earlier // max_together
    _, groups, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    begin, phase = rng.random((2, len(sizes)))
    step = (phase[groups] + earlier % max_together) / sizes[groups]
    order = np.argsort((begin[groups] * len(images) + step * window) % len(images), kind='stable')
    return order, groups[order]


def count_earlier(values: NDArray[Any]) -> NDArray[np.int64]:
    """How often each value occurs before its own index, (N,)."""
    by_value = np.argsort(values, kind='stable')
    ranked = values[by_value]
    is_first = np.r_[True, ranked[1:] != ranked[:-1]]
    indices = np.arange(len(values))
    counts = np.empty(len(values), np.int64)
    counts[by_value] = indices - np.maximum.accumulate(np.where(is_first, indices, 0))
    return counts


def _pack(sample: Sample) -> bytes:
    """Pickles a sample; its arrays as plain bytes, which takes a third of the time."""
    arrays = {key: value for key, value in sample.items() if isinstance(value, np.ndarray)}
    plain = {key: (x.dtype.str, x.shape, x.tobytes()) for key, x in arrays.items()}
    return pickle.dumps(({**sample, **plain}, list(plain)))


def _unpack(stored: bytes) -> Sample:
    sample, arrays = pickle.loads(stored)
    for key in arrays:
        dtype, shape, content = sample[key]
        sample[key] = np.ndarray(shape, dtype, content).copy()
    return sample


def _tag(index: SampleIndex) -> int:
    """Number of a draw that no other draw has, not 0."""
    return hash((index.seed, index.epoch, index.place, index.index, index.repeat)) or 1
