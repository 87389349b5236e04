"""Camera of a visitor's browser as a source of frames, and decoding of uploaded pictures.

Pictures arrive through the existing connection of the page, so no other port is open, and only
visitors of the page can send any.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.structures import Frame
from realtime_pose.latest_frame_queue import LatestFrameQueue

NAME = 'browser camera'
PREFIX = 'data:image/jpeg;base64,'
MAX_TEXT = 2_000_000  # a JPEG of 1280x720 px has some 200,000 characters
MAX_BYTES = 20_000_000  # of a picture file
MAX_PIXELS = 40_000_000
MAX_FPS = 15.0  # each picture reruns a fragment of the page
SILENT_S = 3.0
HTML = '<video muted playsinline hidden></video><canvas hidden></canvas>'


def decode_picture(data: bytes) -> NDArray[np.uint8]:
    """Decodes a picture file in memory to (H, W, 3), uint8 BGR.

    Raises:
        ValueError: If it is no picture, or larger than 20 MB or 40 million pixels; the size is
            read from its header before decoding.
    """
    from PIL import Image, UnidentifiedImageError

    if len(data) > MAX_BYTES:
        raise ValueError(f'the picture has {len(data)} bytes, at most {MAX_BYTES} are taken')
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError):
        raise ValueError('this is no picture that can be read; take a JPEG or PNG') from None
    if width * height > MAX_PIXELS:
        raise ValueError(f'the picture has {width}x{height} px, at most {MAX_PIXELS} px are taken')
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError('the picture cannot be decoded; save it as JPEG or PNG')
    return image.astype(np.uint8, copy=False)


class BrowserCamera:
    """Live source of frames that a browser sends.

    Args:
        size_wh: Largest frame, px.
        fps: Requested frame rate.
        silent_s: Seconds without a picture after which the camera counts as lost.

    Attributes:
        received: Number of the last picture, as counted by the browser.
    """

    name = NAME
    is_live = True
    num_frames: int | None = None

    def __init__(
        self,
        size_wh: tuple[int, int] = (640, 480),
        fps: float = 15.0,
        silent_s: float | None = None,
    ) -> None:
        self.size_wh = size_wh
        self.fps: float | None = min(fps, MAX_FPS)
        self.silent_s = silent_s or SILENT_S
        self.problems: list[str] = []
        self.received = 0
        self._queue: LatestFrameQueue[NDArray[np.uint8]] = LatestFrameQueue()

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields frames as they arrive, until it is closed.

        Raises:
            ConnectionError: If no frame arrives: the page was closed, or permission was refused.
        """
        index = 0
        while True:
            image = self._queue.get(self.silent_s)
            if image is not None:
                yield Frame(index, image, self.name), ''
                index += 1
            elif self._queue.is_closed:
                return
            else:
                raise ConnectionError(f'{self.name}: no picture came for {self.silent_s:g} s')

    def receive(self, number: Any, picture: Any) -> None:
        """Decodes a picture from the browser, a JPEG in a ``data:`` URL, and queues it.

        Raises:
            ValueError: If it is no JPEG, or is too large.
        """
        if not isinstance(picture, str) or not picture.startswith(PREFIX):
            raise ValueError('the browser sent no JPEG picture')
        if len(picture) > MAX_TEXT:
            raise ValueError(f'the browser sent {len(picture)} characters, at most {MAX_TEXT}')
        try:
            data = base64.b64decode(picture[len(PREFIX) :], validate=True)
        except binascii.Error as error:
            raise ValueError(f'the browser sent no JPEG picture: {error}') from None
        image = decode_picture(data)
        height, width = image.shape[:2]
        if width > self.size_wh[0] or height > self.size_wh[1]:
            raise ValueError(f'the browser sent {width}x{height} px, at most {self.size_wh}')
        self.received = int(number)
        self._queue.put(image)

    def close(self) -> None:
        """Ends the source."""
        self._queue.close()


def show_camera(camera: BrowserCamera, on_problem: Callable[[str], None]) -> None:
    """Renders the component that sends this visitor's pictures; to be called in a fragment.

    Args:
        camera: Receives the pictures.
        on_problem: Called with the browser's name of an error, such as ``NotAllowedError``, or
            with a sentence.
    """
    assert camera.fps is not None
    width, height = camera.size_wh
    _component()(
        key='browser_camera',
        data={'received': camera.received, 'width': width, 'height': height, 'fps': camera.fps},
        on_picture_change=partial(_take, camera, on_problem),
        on_problem_change=partial(_tell, on_problem),
    )


def _sent() -> Any:
    import streamlit as st

    # Empty when the pipeline was stopped while a picture was in transit.
    return st.session_state.get('browser_camera', {})


def _tell(on_problem: Callable[[str], None]) -> None:
    if name := _sent().get('problem'):
        on_problem(str(name))


def _take(camera: BrowserCamera, on_problem: Callable[[str], None]) -> None:
    sent = _sent().get('picture')
    if sent is None:
        return
    try:
        camera.receive(sent['number'], sent['picture'])
    except (ValueError, TypeError, KeyError) as error:
        on_problem(str(error))


def _component() -> Any:
    import streamlit as st

    script = Path(__file__).with_suffix('.js').read_text(encoding='utf-8')
    return st.components.v2.component('realtime_pose_camera', html=HTML, js=script)
