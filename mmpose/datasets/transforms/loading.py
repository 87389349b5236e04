"""LoadImage: reads and decodes images."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import cache
from math import prod
from threading import local
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from mmengine import fileio
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample
from mmpose.registry import TRANSFORMS

LOCAL = (None, {'backend': 'local'}, {'backend': 'disk'})
MEMORY = local()  # into which images are decoded that nobody keeps
END_OF_IMAGE, BASELINE_FRAME, SCAN = b'\xff\xd9', 0xC0, 0xDA  # markers of JPEG
EVERY_ROW = 1 << 16  # of any JPEG
CUT_MARGIN = 16  # rows: colours of a row may be mixed from those of the next ones
REDUCED_FLAGS = {4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}


class BadImageError(ValueError):
    """An image cannot be used: it is missing, damaged or another one than was annotated."""


class MissingImageError(BadImageError, FileNotFoundError):
    """An image file does not exist."""


def read_file(path: str) -> bytes:
    """Returns the content of an image file; folders, pipes and devices are refused unread.

    Raises:
        BadImageError: If it is no readable file; MissingImageError if there is none.
    """
    try:
        with open(path, 'rb', buffering=0, opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BadImageError(f'image {path} is no file but a pipe or a device')
            return file.read()
    except FileNotFoundError as error:
        raise MissingImageError(
            f'image {path} does not exist; set dataset.data_root and dataset.data_prefix.img'
        ) from error
    except IsADirectoryError as error:
        raise BadImageError(f'image {path} is a folder; is its file_name complete?') from error
    except (OSError, ValueError) as error:  # a loop of links, a name too long, a NUL in it
        if isinstance(error, BadImageError):
            raise
        reason = getattr(error, 'strerror', None) or error
        raise BadImageError(f'image {path!r:.200} cannot be read: {reason}') from error


def fetch_file(path: str, backend_args: Mapping[str, Any] | None = None) -> bytes:
    """Returns the content of an image in other storage, by a file backend of mmengine.

    Args:
        path: Address, path or key, as the backend takes it.
        backend_args: Arguments of the backend; without them the prefix (``http://``) decides.

    Raises:
        BadImageError: If the backend does not give it; MissingImageError if it says why.
        ImportError: If a package of the backend is missing.
    """
    try:
        content = fileio.get(path, backend_args=backend_args and dict(backend_args))
    except ImportError:
        raise
    except Exception as error:  # of any library
        missing = isinstance(error, FileNotFoundError) or getattr(error, 'code', 0) == 404
        raise (MissingImageError if missing else BadImageError)(
            f'image {path} cannot be read with LoadImage.backend_args={backend_args}: '
            f'{type(error).__name__}: {error}'
        ) from error
    if content is None:  # of lmdb
        raise MissingImageError(f'image {path} is no key of LoadImage.backend_args={backend_args}')
    return bytes(content)


@cache
def _simplejpeg() -> ModuleType | None:
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg


def _decode_jpeg(data: bytes, num_rows: int | None) -> NDArray[np.uint8] | None:
    """Decodes a plain JPEG as OpenCV does, but sooner; None for what is OpenCV's to decode.

    Args:
        data: Content of the file.
        num_rows: As of :meth:`LoadImage._decode`.
    """
    decoder = _simplejpeg()
    is_jpeg = data.startswith(b'\xff\xd8')
    if decoder is None or not is_jpeg or b'Exif\0' in data[: _find_header(data)[1]]:
        return None
    try:
        height, width, colors, _ = decoder.decode_jpeg_header(data)
        if colors != 'YCbCr':
            return None
        if num_rows is None:
            return decoder.decode_jpeg(data, colorspace='BGR')
        image = _reused_memory((height, width, 4))
        upper = _cut_below(data, height, num_rows + CUT_MARGIN)
        options = dict(colorspace='BGRA', buffer=image.reshape(-1), strict=upper is None)
        decoder.decode_jpeg(upper or data, **options)
    except ValueError:
        return None
    return image


def _cut_below(data: bytes, height: int, num_rows: int) -> bytearray | None:
    """Returns a JPEG of the first rows of another, by another height in its header.

    The decoder does not come to the data of the rows below. None if it would: if there are none,
    or several scans; and if the file is truncated, which nobody would see any more.
    """
    if num_rows >= height or not data.endswith(END_OF_IMAGE):
        return None
    frame, scan = _find_header(data)
    is_known = data[frame + 5 : frame + 7] == height.to_bytes(2, 'big')
    if not frame or not is_known or data[scan + 4] != data[frame + 9]:  # components
        return None
    upper = bytearray(data)
    upper[frame + 5 : frame + 7] = num_rows.to_bytes(2, 'big')
    return upper


def _find_header(data: bytes) -> tuple[int, int]:
    """Returns where the baseline frame and the first scan of a JPEG start; 0 and its end if not."""
    place, frame, last = 2, 0, len(data) - 10
    while place < last and data[place] == 0xFF:
        if data[place + 1] == SCAN:
            return frame, place
        frame = place if data[place + 1] == BASELINE_FRAME else frame
        place += 2 + int.from_bytes(data[place + 2 : place + 4], 'big')
    return 0, len(data)


def _reused_memory(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Returns an array that lasts until the next one of this thread."""
    size = prod(shape)
    memory = getattr(MEMORY, 'pixels', None)
    if memory is None or len(memory) < size:
        memory = MEMORY.pixels = np.empty(size, np.uint8)
    return memory[:size].reshape(shape)


def _open_at_once(path: str, flags: int) -> int:
    """Opens a file without waiting, as a pipe that nobody writes to would let us."""
    return os.open(path, flags | getattr(os, 'O_NONBLOCK', 0))


@TRANSFORMS.register_module()
class LoadImage:
    """Adds ``image``, (H, W, 3) uint8 BGR; leaves an image alone that is already there.

    The pixels are those of the published top-down loaders: 8-bit colour, turned upright by the
    EXIF orientation. Annotation files speak of one definite pixel grid, so an image whose size is
    not the annotated one is an error and not a silently shifted target.

    Args:
        apply_exif: False for annotations that were made on the pixels as they are stored.
        reduced_for_wh: Size of the crop in px, to decode JPEG at 1/2 or 1/4 of its size as long
            as the window still has at least one pixel per pixel of the crop. That is faster for
            large instances, but the pixels differ (they are averaged, not picked), so it is off
            by default. The transforms that shape the window must come before this one then.
        backend_args: Of mmengine's file backend that reads the images, as in MMPose: http, lmdb,
            petrel, one of the user's. None for local files, or for what a prefix such as
            ``http://`` in ``data_prefix`` names.
    """

    reads = ('image_file', 'image_wh')
    writes = ('image', 'image_wh', 'shrink')

    def __init__(
        self,
        apply_exif: bool = True,
        reduced_for_wh: tuple[int, int] | None = None,
        backend_args: Mapping[str, Any] | None = None,
    ) -> None:
        self.apply_exif = apply_exif
        self.backend_args = None if backend_args in LOCAL else backend_args
        self.reduced_for_wh = reduced_for_wh
        if reduced_for_wh is not None:
            self.reads = (*self.reads, 'scale')

    def __call__(self, sample: Sample) -> Sample:
        if 'image' in sample:
            sample['image_wh'] = sample['image'].shape[1::-1]
            sample['shrink'] = 1
            return sample
        decoded, shrink = sample.get('decoded'), self._shrink(sample)
        if decoded is None:
            image = self._decode(sample['image_file'], shrink)
        elif shrink in decoded:
            image = decoded[shrink]
        else:
            num_rows = decoded.get('num_rows', EVERY_ROW)
            image = decoded[shrink] = self._decode(sample['image_file'], shrink, num_rows=num_rows)
        found_wh = image.shape[1::-1]
        annotated_wh = tuple(sample['image_wh'])
        if annotated_wh == (0, 0):
            sample['image_wh'] = (found_wh[0] * shrink, found_wh[1] * shrink)
        elif found_wh != tuple(-(-size // shrink) for size in annotated_wh):
            self._fail_size(sample['image_file'], found_wh, annotated_wh, shrink)
        sample['image'] = image
        sample['shrink'] = shrink
        return sample

    def read(self, path: str) -> NDArray[np.uint8]:
        """Returns a whole image, (H, W, 3) BGR.

        Raises:
            BadImageError: If it cannot be read.
        """
        return self._decode(path, 1)

    def content(self, path: str) -> bytes:
        """Returns the bytes of an image file; errors as in :func:`fetch_file`."""
        return read_file(path) if self.is_local(path) else fetch_file(path, self.backend_args)

    def is_local(self, path: str) -> bool:
        """Says whether a path is that of a local file or folder."""
        return self.backend_args is None and '://' not in path

    def _shrink(self, sample: Sample) -> int:
        if self.reduced_for_wh is None or tuple(sample['image_wh']) == (0, 0):
            return 1
        room = min(np.asarray(sample['scale']) / self.reduced_for_wh)
        return next((factor for factor in REDUCED_FLAGS if room >= factor), 1)

    def _decode(self, path: str, shrink: int, num_rows: int | None = None) -> NDArray[np.uint8]:
        """Reads and decodes an image.

        Args:
            path: The file.
            shrink: 1, or 2 or 4 for an image of half or a quarter of the size.
            num_rows: None for a plain image, (H, W, 3). A number if nobody needs the rows below,
                nor the image once this thread decodes the next one: at its whole size that is
                (H, W, 4), which OpenCV warps sooner, with anything below and in the last channel.
        """
        content = self.content(path)
        image = _decode_jpeg(content, num_rows) if shrink == 1 else None
        if image is not None:
            return image
        flag = REDUCED_FLAGS.get(shrink, cv2.IMREAD_COLOR)
        if not self.apply_exif:
            flag |= cv2.IMREAD_IGNORE_ORIENTATION
        # cv2.imread fills what a truncated file lacks with grey; imdecode refuses it.
        data = np.frombuffer(content, np.uint8)
        try:
            image = cv2.imdecode(data, flag) if data.size else None
        except cv2.error as error:  # such as an image of more pixels than OpenCV takes
            reason = ' '.join(str(error).split())
            raise BadImageError(f'image {path} cannot be decoded: {reason}') from error
        if image is None:
            raise BadImageError(
                f'image {path} ({data.size} bytes) cannot be decoded; it is damaged, truncated or '
                'not an image'
            )
        if num_rows is None or shrink > 1:
            return image
        padded = _reused_memory((*image.shape[:2], 4))
        cv2.cvtColor(image[:num_rows], cv2.COLOR_BGR2BGRA, dst=padded[:num_rows])
        return padded

    def _fail_size(
        self, path: str, found_wh: tuple[int, ...], annotated_wh: tuple[int, ...], shrink: int
    ) -> None:
        turned = shrink == 1 and found_wh == annotated_wh[::-1]
        hint = '; is it the image that was annotated?'
        if turned and self.apply_exif:
            hint = (
                '; EXIF turns the picture, so the file has width and height the wrong way round if '
                'its keypoints fit the upright picture, as labelling tools show it: exchange them '
                'there; LoadImage.apply_exif=False only if they fit the pixels as stored'
            )
        elif turned:
            hint = '; it may be its EXIF orientation, set LoadImage.apply_exif=True'
        size = 'x'.join(str(x * shrink) for x in found_wh)
        raise BadImageError(
            f'image {path} is {size} px (width x height) but the annotation file says '
            f'{"x".join(map(str, annotated_wh))}{hint}'
        )


def image_loader(dataset: Any) -> LoadImage:
    """Returns what reads whole images as the pipeline of a dataset does, whatever stores them.

    Args:
        dataset: The dataset, or its config.
    """
    is_config = isinstance(dataset, Mapping)
    pipeline = dataset.get('pipeline') if is_config else getattr(dataset, 'pipeline', ())
    for step in getattr(pipeline, 'transforms', pipeline) or ():
        words = step if isinstance(step, Mapping) else getattr(step, '__dict__', {})
        is_one = isinstance(step, LoadImage) or words.get('type') in ('LoadImage', LoadImage)
        if is_one or words.get('backend_args'):
            return LoadImage(words.get('apply_exif', True), backend_args=words.get('backend_args'))
    return LoadImage()
