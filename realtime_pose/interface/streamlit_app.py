"""The page: ``streamlit run realtime_pose/interface/streamlit_app.py``, http://localhost:8501.

The pipeline runs in threads of its own, one for all visitors; the page only shows its last frame, a
few times per second, in fragments that do not run the whole script again.
"""

from __future__ import annotations

import atexit
import base64
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.apis.cli import one_sentence
from mmpose.apis.inference import DrawOptions
from mmpose.metainfo import load_metainfo
from mmpose.visualization import draw_pose
from realtime_pose.communication.message import PoseMessage
from realtime_pose.inference.model_choice import RANDOM
from realtime_pose.interface.live_session import Choice, LiveSession, Offer
from realtime_pose.interface.texts import LANGUAGES, text
from realtime_pose.interface.uploads import decode_picture
from realtime_pose.interface.view3d import figure_of

if TYPE_CHECKING:
    from collections.abc import Callable

PICTURE_EVERY_S, FIGURES_EVERY_S = 0.2, 0.8
MAX_SHOWN_PX = 960
JPEG_QUALITY = 80
SIZES = ('640x480', '1280x720', '320x240')


def shared_session() -> LiveSession:
    """Returns the session that all visitors share, with its one model."""
    import streamlit as st

    @st.cache_resource
    def made() -> LiveSession:
        session = LiveSession(Offer.of_environment())
        atexit.register(session.stop)  # a recording is completed when the server is ended
        return session

    return made()


def sidebar(session: LiveSession, say: Callable[[str], str]) -> Choice:
    """Draws the choices; returns what is chosen."""
    import streamlit as st

    offer = session.offer
    with st.sidebar:
        model = st.selectbox(say('model'), offer.models, key='model')
        device = st.selectbox(say('device'), offer.devices, key='device')
        source = st.selectbox(say('source'), offer.sources, key='source', help=say('source_help'))
        size = st.selectbox(say('size'), SIZES, key='size')
        fps = st.slider(say('fps'), 5, 60, 15, key='fps')
        people = st.slider(say('people'), 1, 20, 5, key='people')
        smoothing = st.checkbox(say('smoothing'), True, key='smoothing')
        is_lifted = st.checkbox(say('lift'), True, key='lift')
        is_adaptive = st.checkbox(say('adaptive'), False, key='adaptive')
        target_fps = st.slider(
            say('target_fps'), 5, 60, 15, key='target_fps', disabled=not is_adaptive
        )
        nowhere = say('nowhere')
        target = st.selectbox(say('udp'), (nowhere, *offer.targets), key='udp')
        is_recorded = st.checkbox(say('record'), False, key='record', help=say('record_help'))
    width, height = map(int, size.split('x'))
    return Choice(
        model=model,
        device=device,
        source=source,
        target=None if target == nowhere else target,
        fps=float(fps),
        size_wh=(width, height),
        target_fps=float(target_fps) if is_adaptive else None,
        smoothing=smoothing,
        max_people=people,
        method_3d='lift' if is_lifted else 'none',
        is_recorded=is_recorded,
    )


def buttons(session: LiveSession, choice: Choice, say: Callable[[str], str]) -> None:
    """Draws start and stop, and what they lead to."""
    import streamlit as st

    left, right, state = st.columns([1, 1, 3])
    if left.button(say('start'), key='start', type='primary', width='stretch'):
        try:
            with st.spinner(say('waiting')):
                session.start(choice)
        except (ValueError, OSError, RuntimeError) as error:
            session.message = one_sentence(error)
    if right.button(say('stop'), key='stop', width='stretch'):
        session.stop()
    state.markdown(f'**{say("running") if session.is_running else say("stopped")}**')
    if choice.model == RANDOM:
        st.error(f'## {say("random")}')


def picture(session: LiveSession, looks: DrawOptions, say: Callable[[str], str]) -> None:
    """Draws the last frame with the people in it."""
    import streamlit as st

    session.watch()
    live = session.latest
    if session.message:
        st.warning(session.message)
    for problem in session.problems:
        st.warning(problem)
    if live is None or live.result is None:
        st.info(say('waiting') if session.is_running else say('stopped'))
        return
    st.html(image_tag(live.result.draw(looks)))
    report = session.report
    st.caption(
        f'{report.fps:.1f} fps · p50 {report.latency_p50_ms:.0f} ms · p95 '
        f'{report.latency_p95_ms:.0f} ms · {report.num_dropped} {say("dropped")} · '
        f'{live.effort.text}'
    )


def figures(session: LiveSession, with_skin: bool, say: Callable[[str], str]) -> None:
    """Draws people in 3D, the list of them, the latency and the last message."""
    import streamlit as st

    live = session.latest
    if live is None or live.message is None:
        return
    message = live.message
    st.plotly_chart(figure_of(message.people, message.skeleton, with_skin), key='view3d')
    if message.people:
        st.dataframe(people_table(message, say), hide_index=True, key='people_table')
    else:
        st.caption(say('nobody'))
    st.caption(say('latency'))
    st.line_chart({'ms': list(session.latency_ms)}, height=140)
    with st.expander(say('json')):
        st.code(message.to_json()[:20_000], language='json', wrap_lines=True)


def people_table(message: PoseMessage, say: Callable[[str], str]) -> list[dict[str, Any]]:
    """Returns a row per person."""
    return [
        {
            say('person'): person.id,
            say('score'): round(person.score, 2),
            say('joints'): int((person.scores > 0.3).sum()),
            '3D': person.method_3d or '2d',
            say('rotations'): len(person.rotations or ()),
        }
        for person in message.people
    ]


def browser_camera(session: LiveSession, choice: Choice, say: Callable[[str], str]) -> None:
    """Looks at a picture of the camera of the browser; it is not kept."""
    import streamlit as st

    photo = st.camera_input(say('photo'), key='photo')
    if photo is None:
        return
    try:
        image = decode_picture(photo.getvalue())
        estimator = session.estimator(choice.model, choice.device)
        pose = estimator.infer(image)
    except ValueError as error:
        st.error(one_sentence(error))
        return
    meta = load_metainfo(pose.meta['skeleton'])
    st.html(image_tag(draw_pose(image, pose.keypoints, pose.scores, meta)))
    st.json({'keypoints': pose.keypoints.tolist(), 'scores': pose.scores.tolist(), **pose.meta})


def image_tag(image_bgr: NDArray[np.uint8]) -> str:
    """Returns a picture as HTML that holds it, no wider than is shown.

    A picture with an address of its own would often be replaced before a slow browser asks for it.
    """
    width = image_bgr.shape[1]
    if width > MAX_SHOWN_PX:
        scale = MAX_SHOWN_PX / width
        image_bgr = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    text = base64.b64encode(data.tobytes()).decode('ascii')
    return f'<img class="live" alt="" style="width:100%" src="data:image/jpeg;base64,{text}">'


def main() -> None:
    """Draws the page."""
    import streamlit as st

    st.set_page_config(page_title='Live pose', layout='wide')
    language = st.sidebar.radio('Language / Idioma', list(LANGUAGES), horizontal=True, key='lang')
    say = partial(text, language=language)
    session = shared_session()
    st.title(say('title'))
    st.caption(say('shared'))
    choice = sidebar(session, say)
    live_tab, browser_tab = st.tabs([say('live'), say('browser')])
    with live_tab:
        buttons(session, choice, say)
        options = st.columns(3)
        threshold = options[0].slider(say('threshold'), 0.0, 1.0, 0.3, key='threshold')
        show_boxes = options[1].checkbox(say('boxes'), True, key='boxes')
        with_skin = options[2].checkbox(say('skin'), True, key='skin')
        looks = DrawOptions(threshold, show_boxes=show_boxes, show_ids=True)
        every = PICTURE_EVERY_S if session.is_running else None
        slow = FIGURES_EVERY_S if session.is_running else None
        left, right = st.columns([3, 2])
        with left:
            st.fragment(picture, run_every=every)(session, looks, say)
        with right:
            st.fragment(figures, run_every=slow)(session, with_skin, say)
    with browser_tab:
        browser_camera(session, choice, say)


if __name__ == '__main__':
    main()
