"""The camera of a visitor's browser as a source of frames for the pipeline.

Pictures come through the connection that the page has anyway, so nothing else listens, and nobody
but a visitor of the page can send any.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import Frame
from realtime_pose.capture.mailbox import Mailbox
from realtime_pose.interface.uploads import decode_picture

NAME = 'browser camera'
PREFIX = 'data:image/jpeg;base64,'
MAX_TEXT = 2_000_000  # a JPEG of 1280x720 px has some 200,000 characters
MAX_FPS = 15.0  # each picture runs a part of the page's script
SILENT_S = 3.0
HTML = '<video muted playsinline hidden></video><canvas hidden></canvas>'


class BrowserCamera:
    """Frames that a browser sends; a source like the cameras of this machine.

    Args:
        size_wh: No frame is larger; px.
        fps: Frames per second that the browser is asked for.
        silent_s: The camera counts as away when nothing comes for so long.

    Attributes:
        received: Number of the last picture, as the browser counts them.
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
        self._mailbox: Mailbox[NDArray[np.uint8]] = Mailbox()

    def __iter__(self) -> Generator[tuple[Frame, str], None, None]:
        """Yields frames as they come, until it is closed.

        Raises:
            ConnectionError: If nothing comes: the page was closed, or gave no permission.
        """
        index = 0
        while True:
            image = self._mailbox.take(self.silent_s)
            if image is not None:
                yield Frame(index, image, self.name), ''
                index += 1
            elif self._mailbox.is_closed:
                return
            else:
                raise ConnectionError(f'{self.name}: no picture came for {self.silent_s:g} s')

    def receive(self, number: Any, picture: Any) -> None:
        """Takes a picture as the browser sends it, a JPEG in a ``data:`` address.

        Raises:
            ValueError: If it is none, or is too large.
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
        self._mailbox.put(image)

    def close(self) -> None:
        """Ends it."""
        self._mailbox.close()


def show_camera(camera: BrowserCamera, on_problem: Callable[[str], None]) -> None:
    """Lets the browser of this visitor send its pictures; to be called in a fragment.

    Args:
        camera: Takes them.
        on_problem: Is told the browser's name of an error, such as ``NotAllowedError``, or a
            sentence.
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

    # Nothing is there when the pipeline was stopped while a picture was on its way.
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
