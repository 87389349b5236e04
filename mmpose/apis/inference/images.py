"""Images as frames: decoding, conversion to BGR, and a source of images of any kind."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Sized
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.transforms.loading import BadImageError, read_file
from mmpose.structures import Frame

BYTES = (bytes, bytearray, memoryview)
EXPECTED = (
    'a path, the bytes of an image file, a file opened to read bytes, an array (OpenCV: BGR), a '
    'tensor (torchvision: RGB) or a PIL image'
)


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Returns an image file as (H, W, 3) uint8 BGR, turned upright by its EXIF orientation.

    Grey becomes colour, 16 bits a channel become 8, and transparency is left out.

    Raises:
        BadImageError: If it cannot be decoded; it is a ValueError, and a FileNotFoundError too
            if there is no such file.
    """
    return decode_image(read_file(str(path)), f'image {path}')


def decode_image(data: Any, name: str = 'the image') -> NDArray[np.uint8]:
    """Returns the content of an image file, otherwise as ``read_image``."""
    content = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except cv2.error as error:  # such as an image of more pixels than OpenCV takes
        reason = str(error).strip().splitlines()[-1]
        raise BadImageError(f'{name} cannot be decoded: {reason}') from error
    if image is None:
        raise BadImageError(
            f'{name} ({content.size} bytes) cannot be decoded; it is damaged, truncated or not an '
            'image'
        )
    return image


def to_bgr(image: Any, name: str = 'the image') -> NDArray[np.uint8]:
    """Returns an image of any kind as (H, W, 3) uint8 BGR.

    Args:
        image: A path; the bytes of an image file; a file opened to read bytes; an array, see
            ``as_bgr``; a PIL image; or a tensor as torchvision has them, RGB or grey, (C, H, W),
            (H, W, C) or (H, W), uint8 or floats from 0 to 1. Transparency is left out.

    Raises:
        BadImageError: If a file or its content cannot be decoded.
        TypeError: If it is something else.
        ValueError: If an array or tensor has another shape or type.
    """
    if isinstance(image, (str, Path)):
        return read_image(image)
    if isinstance(image, BYTES):
        return decode_image(image, name)
    if isinstance(image, np.ndarray):
        return as_bgr(image)
    if is_file(image):
        data = image.read()
        if not isinstance(data, BYTES):
            raise TypeError(f"{name} is a file opened as text; open it with open(path, 'rb')")
        return decode_image(data, f'image {getattr(image, "name", name)}')
    if is_tensor(image):
        return _of_tensor(image)
    if is_pil(image):
        return _of_pil(image)
    raise TypeError(f'{name} is of type {type(image).__name__}, expected {EXPECTED}')


def is_in_memory(item: Any) -> bool:
    """Returns whether an item is an image that is no path; (N, H, W, 3) are several."""
    is_open = isinstance(item, (*BYTES, np.ndarray)) or is_file(item)
    return is_open or is_tensor(item) or is_pil(item)


def is_file(item: Any) -> bool:
    """Returns whether something is an open file."""
    return isinstance(item, io.IOBase) or (hasattr(item, 'read') and hasattr(item, 'seek'))


def is_tensor(item: Any) -> bool:
    """Returns whether something is a tensor of PyTorch."""
    import torch

    return isinstance(item, torch.Tensor)


def is_pil(item: Any) -> bool:
    """Returns whether something is an image of Pillow, without importing it."""
    return any(cls.__module__ == 'PIL.Image' for cls in type(item).__mro__)


def as_bgr(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns an array in memory as (H, W, 3) uint8 BGR.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA; uint8, or uint16 over the whole
            range. Transparency is left out.

    Raises:
        ValueError: If it is none of these, or has no pixels.
    """
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    num_channels = image.shape[2] if image.ndim == 3 else int(image.ndim == 2)
    if image.dtype != np.uint8 or num_channels not in (1, 3, 4) or not image.size:
        raise ValueError(
            f'an image of shape {image.shape} and type {image.dtype} came, expected (H, W), '
            '(H, W, 3) BGR or (H, W, 4) BGRA with uint8 or uint16 numbers'
        )
    if num_channels == 1:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def _of_tensor(tensor: Any) -> NDArray[np.uint8]:
    array = tensor.detach().cpu()
    array = array.float().numpy() if array.is_floating_point() else array.numpy()
    is_planar = array.ndim == 3 and array.shape[0] in (1, 3, 4)
    array = array.transpose(1, 2, 0) if is_planar else array  # (C, H, W) -> (H, W, C)
    if np.issubdtype(array.dtype, np.floating) and array.size:
        if not (array.min() >= 0 and array.max() <= 1):  # also where a number is NaN
            raise ValueError(
                f'an image tensor has floats from {array.min():g} to {array.max():g}, expected 0 '
                'to 1, or uint8 from 0 to 255'
            )
        array = np.round(255 * array).astype(np.uint8)
    is_right = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype != np.uint8 or not is_right or not array.size:
        raise ValueError(
            f'an image tensor of shape {tuple(tensor.shape)} and type {tensor.dtype} came, '
            'expected RGB as (3, H, W) or (H, W, 3), uint8 or floats from 0 to 1'
        )
    has_colour = array.ndim == 3 and array.shape[2] > 1
    return as_bgr(array[..., 2::-1] if has_colour else array)  # RGB(A) -> BGR


def _of_pil(image: Any) -> NDArray[np.uint8]:
    from PIL import ImageOps

    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith('I'):  # 16 bits grey, which Pillow keeps in 16 or 32
            return as_bgr(np.asarray(image).astype(np.uint16))
        return as_bgr(np.asarray(image.convert('RGB'))[..., ::-1])
    except (OSError, SyntaxError) as error:  # a file of Pillow is read now
        raise BadImageError(f'a PIL image cannot be decoded: {error}') from error


class RemoteImage(bytes):
    """Content of an image file from an address.

    Attributes:
        address: The address, without a password.
    """

    address: str = ''


class ImageSource:
    """Images, one after the other.

    A file that cannot be read is left out and named in ``problems``; if not one can be read, the
    first problem is raised.

    Args:
        images: As ``to_bgr`` takes them, or the error that an input has already met; a list, or
            an iterator of whatever length, which is read only as images are wanted.

    Attributes:
        name: Name in messages.
        num_frames: Number of images; None of an iterator.
        fps: None, as they are no video.
        is_live: Whether it is an iterator.
        may_be_empty: Whether it is no error if not one image can be read.
        problems: A sentence for each image that was left out so far.
    """

    fps = None

    def __init__(self, images: Iterable[Any]) -> None:
        self.images = images
        self.num_frames = len(images) if isinstance(images, Sized) else None
        self.is_live = self.num_frames is None
        self.name = {None: 'images', 1: '1 image'}.get(self.num_frames, f'{self.num_frames} images')
        self.may_be_empty = False
        self.problems: list[str] = []

    @property
    def names(self) -> list[str]:
        """Names of the images, where they are a list."""
        images = [] if self.is_live else self.images
        return [_name(index, image) for index, image in enumerate(images)]

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields each frame, and an empty text where a video tells of a damaged frame."""
        num_read = 0
        for index, image in enumerate(self.images):
            name = _name(index, image)
            try:
                if isinstance(image, Exception):
                    raise image
                pixels = to_bgr(image, name)
            except BadImageError as error:
                self.problems.append(str(error))
                continue
            num_read += 1
            yield Frame(index, pixels, name), ''
        if self.problems and not num_read and not self.may_be_empty:
            raise BadImageError(self.problems[0])


def _name(index: int, image: Any) -> str:
    if isinstance(image, RemoteImage):
        return image.address
    return str(image) if isinstance(image, (str, Path)) else f'image {index}'
