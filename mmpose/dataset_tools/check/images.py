"""Image check: missing and damaged files, sizes, EXIF orientations, fingerprints for duplicates."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.dataset_tools.check.split import Split
from mmpose.datasets.transforms.loading import BadImageError, LoadImage, MissingImageError
from mmpose.structures.progress import track

HEADER_BYTES = 1 << 16
ORIENTATION_TAG = 0x0112
BATCH_PER_WORKER = 16
THUMB = 8
# Pictures with less contrast than this, grey levels, look all the same to a perceptual hash.
FLAT = 4.0


@dataclass(frozen=True)
class ImageFacts:
    """Facts about one image file.

    Attributes:
        issue: Kind of the issue, '' if it could be decoded.
        found: What was found, in words.
        wh: Size of the pixels as they are stored, px.
        orientation: EXIF orientation, 1 for upright.
        digest: 16 bytes that follow from the content of the file.
        phash: 64 bits that hardly change when a picture is encoded again.
        thumb: (8 * 8,) uint8. A tiny grey copy.
        is_flat: The picture has no contrast.
    """

    issue: str = ''
    found: str = ''
    wh: tuple[int, int] = (0, 0)
    orientation: int = 1
    digest: bytes = b''
    phash: int = 0
    thumb: bytes = b''
    is_flat: bool = True


def check_images(split: Split, workers: int) -> dict[int, ImageFacts]:
    """Decodes every image of a split in threads.

    Args:
        workers: Number of threads.

    Returns:
        Facts about each image that could be decoded, by its row, to find it in other splits.
    """
    kept = {}
    num = len(split.store.image_ids)
    for image, facts in track(_inspect_all(split, workers), f'{split.name} images', num):
        if facts.issue:
            split.report_image(facts.issue, image, facts.found, 'a whole image')
        else:
            kept[image] = facts
            _check_orientation(split, image, facts)
    return kept


def _inspect_all(split: Split, workers: int) -> Iterator[tuple[int, ImageFacts]]:
    """Yields the images in order; only a few batches are in memory at a time."""
    step = BATCH_PER_WORKER * workers
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(split.store.image_ids), step):
            batch = range(start, min(start + step, len(split.store.image_ids)))
            paths = [split.image_path(image) for image in batch]
            facts = pool.map(inspect_image, paths, [split.loader] * len(paths))
            yield from zip(batch, facts, strict=True)


def inspect_image(path: str, loader: LoadImage) -> ImageFacts:
    """Returns the facts about a file; never raises for a bad one."""
    try:
        data = loader.content(path)
    except MissingImageError:
        return ImageFacts('missing_image', 'no such file')
    except BadImageError as error:
        reason = getattr(error.__cause__, 'strerror', None) or error
        return ImageFacts('corrupt_image', f'a file that cannot be read ({reason})')
    if _is_cut(data):
        return ImageFacts('corrupt_image', f'{len(data)} bytes without an end: the file is cut off')
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        return ImageFacts('corrupt_image', f'{len(data)} bytes that cannot be decoded')
    grey = cv2.cvtColor(
        cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY
    )
    return ImageFacts(
        wh=(image.shape[1], image.shape[0]),
        orientation=exif_orientation(data),
        digest=hashlib.blake2b(data, digest_size=16).digest(),
        phash=perceptual_hash(grey),
        thumb=cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA).tobytes(),
        is_flat=float(grey.std()) < FLAT,
    )


def perceptual_hash(grey: NDArray[np.uint8]) -> int:
    """Returns 64 bits: which low frequencies of a (32, 32) grey picture exceed their median."""
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), 'big')


def exif_orientation(data: bytes) -> int:
    """Returns the EXIF orientation of a JPEG file, 1 if it says none (EXIF 2.3, 4.6.4 A)."""
    start = data.find(b'Exif\0\0', 0, HEADER_BYTES) + 6
    if start < 6 or data[:2] != b'\xff\xd8':
        return 1
    order = {b'II': '<', b'MM': '>'}.get(data[start : start + 2])
    if order is None:
        return 1
    with suppress(struct.error):
        (offset,) = struct.unpack_from(f'{order}I', data, start + 4)
        (count,) = struct.unpack_from(f'{order}H', data, start + offset)
        for i in range(count):
            at = start + offset + 2 + 12 * i
            tag, _, _, value = struct.unpack_from(f'{order}HHIH', data, at)
            if tag == ORIENTATION_TAG:
                return value if 1 <= value <= 8 else 1
    return 1


def _is_cut(data: bytes) -> bool:
    """Says whether a JPEG or PNG file lacks its end, which decoders fill with grey."""
    if data[:2] == b'\xff\xd8':
        return b'\xff\xd9' not in data[-HEADER_BYTES:]
    if data[:4] == b'\x89PNG':
        return b'IEND' not in data[-HEADER_BYTES:]
    return False


def _check_orientation(split: Split, image: int, facts: ImageFacts) -> None:
    """Finds another size than the annotated one, and images that are stored turned."""
    turned, apply_exif = facts.orientation > 4, split.loader.apply_exif
    used_wh = facts.wh[::-1] if turned and apply_exif else facts.wh
    annotated_wh = tuple(split.store.image_wh[image].tolist())
    if annotated_wh not in ((0, 0), used_wh):
        found = f'{used_wh[0]}x{used_wh[1]} px' + (' after its EXIF orientation' if turned else '')
        expected = f'{annotated_wh[0]}x{annotated_wh[1]} px as annotated'
        if turned and used_wh == annotated_wh[::-1]:
            expected += (
                '; exchange width and height in the file if the keypoints fit the upright picture, '
                'LoadImage.apply_exif=False only if they fit the pixels as stored'
                if apply_exif
                else '; set LoadImage.apply_exif=True'
            )
        split.report_image('image_size', image, found, expected)
    if facts.orientation != 1:
        found = f'EXIF orientation {facts.orientation}'
        split.report_image('exif_rotation', image, found, '1 (upright)')
