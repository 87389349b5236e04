"""Duplicate images: within a split, and leaks between splits that must not share any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mmpose.dataset_tools.check.images import THUMB, ImageFacts
from mmpose.dataset_tools.check.split import Split

BANDS = 4  # of 16 bits: pictures are compared when they agree in one of them
MAX_BITS = 10  # of 64 that re-encoding may change
MAX_LEVELS = 4.0  # mean difference of the tiny copies, grey levels
# From this share of the images of the tested split on, its score means nothing.
LEAK_SHARE = 0.01

Facts = Mapping[int, ImageFacts]  # of each image of a split that could be decoded, by its row


def check_copies_within(split: Split, decoded: Facts) -> None:
    """Finds files with the same content, and names that are listed twice, in one split."""
    names = [split.store.file_name(image) for image in range(len(split.store.image_ids))]
    first_of: dict[str, int] = {}
    for image, name in enumerate(names):
        other = first_of.setdefault(name, image)
        if other != image:
            found = f'the file of image {split.store.image_ids[other]} again'
            split.report_image('duplicate_file_name', image, found, 'one entry per file')
    seen: dict[bytes, int] = {}
    for image, facts in decoded.items():
        other = seen.setdefault(facts.digest, image)
        if names[other] != names[image]:
            found = f'the content of {names[other]}'
            split.report_image('duplicate_image', image, found, 'another picture')


def check_leak(train: Split, train_facts: Facts, other: Split, other_facts: Facts) -> None:
    """Finds images of another split in the training images, byte by byte or re-encoded."""
    expected = 'a picture that is not trained on'
    by_digest = {facts.digest: image for image, facts in train_facts.items()}
    exact = {
        image: by_digest[facts.digest]
        for image, facts in other_facts.items()
        if facts.digest in by_digest
    }
    kind = 'leak' if len(exact) >= LEAK_SHARE * max(len(other.store.image_ids), 1) else 'few_leaks'
    for image, copy in exact.items():
        found = f'the same file as {train.image_path(copy)} in train'
        other.report_image(kind, image, found, expected)
    near: dict[int, tuple[int, int]] = {}
    for image, copy, bits in _near_pairs(other_facts, train_facts):
        if image not in exact and bits < near.get(image, (65, 0))[0]:
            near[image] = (bits, copy)
    for image, (bits, copy) in sorted(near.items()):
        found = f'a picture like {train.image_path(copy)} in train ({bits} of 64 bits differ)'
        other.report_image('near_leak', image, found, expected)


def _near_pairs(a: Facts, b: Facts) -> Iterator[tuple[int, int, int]]:
    """Yields images of a and b that look alike, and the number of bits that differ."""
    (images_a, hashes_a, thumbs_a), (images_b, hashes_b, thumbs_b) = _looks(a), _looks(b)
    for band in range(BANDS):
        keys_a, keys_b = _band(hashes_a, band), _band(hashes_b, band)
        order = np.argsort(keys_b, kind='stable')
        start = np.searchsorted(keys_b[order], keys_a, side='left')
        end = np.searchsorted(keys_b[order], keys_a, side='right')
        for row in np.flatnonzero(end > start):
            others = order[start[row] : end[row]]
            differing = (hashes_a[row] ^ hashes_b[others]).view(np.uint8).reshape(-1, 8)
            bits = np.unpackbits(differing, axis=1).sum(axis=1)
            levels = np.abs(thumbs_b[others].astype(np.int16) - thumbs_a[row]).mean(axis=1)
            alike = (bits <= MAX_BITS) & (levels <= MAX_LEVELS)
            for other, count in zip(others[alike].tolist(), bits[alike].tolist(), strict=True):
                yield images_a[row], images_b[other], count


def _looks(decoded: Facts) -> tuple[list[int], NDArray[np.uint64], NDArray[np.uint8]]:
    """Returns the M images with contrast, their hashes (M,) and tiny copies (M, 64)."""
    kept = {image: facts for image, facts in decoded.items() if not facts.is_flat}
    hashes = np.array([facts.phash for facts in kept.values()], np.uint64)
    thumbs = np.frombuffer(b''.join(facts.thumb for facts in kept.values()), np.uint8)
    return list(kept), hashes, thumbs.reshape(-1, THUMB * THUMB)


def _band(hashes: NDArray[np.uint64], band: int) -> NDArray[np.uint64]:
    return (hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)
