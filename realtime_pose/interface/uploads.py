"""Pictures that a browser sends."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 20_000_000
MAX_PIXELS = 40_000_000


def decode_picture(data: bytes) -> NDArray[np.uint8]:
    """Returns a picture (H, W, 3), uint8 BGR, from a file in memory.

    Raises:
        ValueError: If it is none, or larger than 20 MB or 40 million pixels; the size is read
            before anything is unpacked.
    """
    from PIL import Image, UnidentifiedImageError

    if len(data) > MAX_BYTES:
        raise ValueError(f'the picture has {len(data)} bytes, at most {MAX_BYTES} are taken')
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError) as error:
        raise ValueError(f'this is no picture: {error}') from None
    if width * height > MAX_PIXELS:
        raise ValueError(f'the picture has {width}x{height} px, at most {MAX_PIXELS} px are taken')
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError('the picture cannot be decoded; save it as JPEG or PNG')
    return image.astype(np.uint8, copy=False)
