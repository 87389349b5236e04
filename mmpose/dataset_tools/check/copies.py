"""Duplicate images: within a split, and leaks between splits that must not share any."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmpose.dataset_tools.check.images import Fingerprints
from mmpose.dataset_tools.check.issues import Issue, IssueLog
from mmpose.dataset_tools.check.split import Split

BANDS = 4  # of 16 bits: pictures are compared when they agree in one of them
MAX_BITS = 10  # of 64 that re-encoding may change
MAX_LEVELS = 4.0  # mean difference of the tiny copies, grey levels
# From this share of the images of the tested split on, its score means nothing.
LEAK_SHARE = 0.01


def check_copies_within(split: Split, prints: Fingerprints, log: IssueLog) -> None:
    """Finds files with the same content, and names that are listed twice, in one split."""
    first_of: dict[str, int] = {}
    for image in range(len(split.store.image_ids)):
        other = first_of.setdefault(split.store.file_name(image), image)
        if other != image:
            found = f'the file of image {split.store.image_ids[other]} again'
            _add('duplicate_file_name', split, image, log, found, 'one entry per file')
    seen: dict[bytes, int] = {}
    for image, digest in zip(prints.images.tolist(), prints.digests, strict=True):
        other = seen.setdefault(digest, image)
        if split.store.file_name(other) != split.store.file_name(image):
            found = f'the content of {split.store.file_name(other)}'
            _add('duplicate_image', split, image, log, found, 'another picture')


def check_leak(
    train: Split,
    train_prints: Fingerprints,
    other: Split,
    other_prints: Fingerprints,
    log: IssueLog,
) -> None:
    """Finds images of another split in the training images, byte by byte or re-encoded."""
    by_digest = dict(zip(train_prints.digests, train_prints.images.tolist(), strict=True))
    exact = {
        image: by_digest[digest]
        for image, digest in zip(other_prints.images.tolist(), other_prints.digests, strict=True)
        if digest in by_digest
    }
    kind = 'leak' if len(exact) >= LEAK_SHARE * max(len(other.store.image_ids), 1) else 'few_leaks'
    for image, copy in exact.items():
        found = f'the same file as {train.image_path(copy)} in train'
        _add(kind, other, image, log, found, 'a picture that is not trained on')
    near: dict[int, tuple[int, int]] = {}
    for row, train_row, bits in _near_pairs(other_prints, train_prints):
        image, copy = int(other_prints.images[row]), int(train_prints.images[train_row])
        if image not in exact and bits < near.get(image, (65, 0))[0]:
            near[image] = (bits, copy)
    for image, (bits, copy) in sorted(near.items()):
        found = f'a picture like {train.image_path(copy)} in train ({bits} of 64 bits differ)'
        _add('near_leak', other, image, log, found, 'a picture that is not trained on')


def _near_pairs(a: Fingerprints, b: Fingerprints) -> Iterator[tuple[int, int, int]]:
    """Yields rows of a and b that look alike, and the number of bits that differ."""
    rows_a, rows_b = np.flatnonzero(~a.is_flat), np.flatnonzero(~b.is_flat)
    for band in range(BANDS):
        keys_a = _band(a.phashes[rows_a], band)
        keys_b = _band(b.phashes[rows_b], band)
        order = np.argsort(keys_b, kind='stable')
        start = np.searchsorted(keys_b[order], keys_a, side='left')
        end = np.searchsorted(keys_b[order], keys_a, side='right')
        for i in np.flatnonzero(end > start):
            row, others = int(rows_a[i]), rows_b[order[start[i] : end[i]]]
            bits = _bit_counts(a.phashes[row] ^ b.phashes[others])
            levels = np.abs(b.thumbs[others].astype(np.int16) - a.thumbs[row]).mean(axis=1)
            alike = (bits <= MAX_BITS) & (levels <= MAX_LEVELS)
            for other, count in zip(others[alike].tolist(), bits[alike].tolist(), strict=True):
                yield row, other, count


def _band(phashes: NDArray[np.uint64], band: int) -> NDArray[np.uint64]:
    return (phashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)


def _bit_counts(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Returns the number of ones in each of (N,) values."""
    return np.unpackbits(values.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1)


def _add(kind: str, split: Split, image: int, log: IssueLog, found: str, expected: str) -> None:
    entry, name = f'image {split.store.image_ids[image]}', split.store.file_name(image)
    path = str(split.image_path(image))
    log.add(Issue(kind, split.name, path, entry, found, expected, name))
