"""Streamlit app: ``python realtime_pose/interface/streamlit_app.py``, localhost:8501.

``streamlit run`` on this file shows the same page, but reads it at the first visit only: until
then, what strangers send leaves tracebacks in the log.

One pipeline for all visitors runs in background threads; the page shows its last frame, a few times
per second, in fragments that do not rerun the whole script.
"""

from __future__ import annotations

import atexit
import base64
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.apis.cli import one_sentence
from mmpose.apis.inference import DrawOptions
from mmpose.apis.inference.videos import without_password
from realtime_pose.capture.named_source import SYNTHETIC
from realtime_pose.communication.message import PoseMessage
from realtime_pose.inference.model_choice import RANDOM
from realtime_pose.interface import browser_camera
from realtime_pose.interface.browser_camera import show_camera
from realtime_pose.interface.live_session import LiveSession
from realtime_pose.interface.picture_note import with_note
from realtime_pose.interface.server_options import CAMERA, HUMANOID, Choice, ServerOptions
from realtime_pose.interface.texts import LANGUAGES, TEXTS, StatusText, text
from realtime_pose.interface.view3d import show_mesh, show_people, skin_of
from realtime_pose.model3d.humanoid import HUMANOID_FILE
from realtime_pose.model3d.skin import Skin
from realtime_pose.one_line_log import without_tracebacks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PICTURE_EVERY_S, SLOW_EVERY_S, IDLE_EVERY_S = 0.2, 1.0, 2.0
MAX_SHOWN_PX = 960
JPEG_QUALITY = 80
CHART_WH = (300, 90)
NAMED = {
    None: 'nowhere',
    RANDOM: 'random_name',
    HUMANOID: 'humanoid',
    browser_camera.NAME: 'browser_camera',
}
SIZES = ('640x480', '1280x720', '320x240')


def serve() -> None:
    """Runs Streamlit's server on this page with the arguments of the process."""
    from streamlit.web.cli import main_run

    quiet_logs()
    main_run([str(Path(__file__).resolve()), *sys.argv[1:]])


def quiet_logs() -> None:
    """Takes the tracebacks of what strangers send out of the logs of the server."""
    for name in ('uvicorn.error', 'streamlit.web.server.starlette.starlette_websocket'):
        without_tracebacks(name)


def shared_session() -> LiveSession:
    """Returns the session that all visitors share, with its one model."""
    import streamlit as st

    @st.cache_resource
    def made() -> LiveSession:
        quiet_logs()
        session = LiveSession(ServerOptions.of_environment())
        atexit.register(session.stop)  # completes a recording when the server ends
        return session

    return made()


def sidebar(session: LiveSession, language: str) -> Choice:
    """Draws the widgets of the sidebar; returns the chosen settings."""
    import streamlit as st

    say = partial(text, language=language)
    server_options = session.server_options

    def one_of(key: str, options: Sequence[str | None], help_text: str | None = None) -> Any:
        # A list redrawn in the other language would keep the old name of its choice.
        kept = st.session_state.get(f'{key}_kept', options[0])
        st.session_state[f'{key}_kept'] = chosen = st.selectbox(
            say(key), options, options.index(kept) if kept in options else 0,
            format_func=partial(name_of, say=say), key=f'{key}_{LANGUAGES[language]}',
            help=help_text,
        )  # fmt: skip
        return chosen

    with st.sidebar:
        model = one_of('model', server_options.models)
        device = one_of('device', server_options.devices)
        source = one_of('source', server_options.sources, say('source_help'))
        size = one_of('size', SIZES)
        fps = st.slider(say('fps'), 5, 60, 15, key='fps')
        people = st.slider(say('people'), 1, 20, 5, key='people')
        smoothing = st.checkbox(say('smoothing'), True, key='smoothing')
        is_lifted = st.checkbox(say('lift'), True, key='lift')
        is_adaptive = st.checkbox(say('adaptive'), False, key='adaptive')
        target_fps = st.slider(
            say('target_fps'), 5, 60, 15, key='target_fps', disabled=not is_adaptive
        )
        rig = one_of('rig', server_options.rigs)
        target = one_of('udp', (None, *server_options.targets))
        is_recorded = st.checkbox(say('record'), False, key='record', help=say('record_help'))
    width, height = map(int, size.split('x'))
    return Choice(
        model=model,
        device=device,
        source=source,
        target=target,
        fps=float(fps),
        size_wh=(width, height),
        target_fps=float(target_fps) if is_adaptive else None,
        smoothing=smoothing,
        max_people=people,
        method_3d='lift' if is_lifted else 'none',
        is_recorded=is_recorded,
        rig=rig,
    )


def name_of(choice: str | None, say: Callable[[str], str]) -> str:
    """Returns the display name of a model, source, 3D model or target."""
    if choice in NAMED:
        return say(NAMED[choice])
    for start, key in ((CAMERA, 'server_camera'), (SYNTHETIC, 'synthetic')):
        if choice is not None and choice.startswith(start):
            return f'{say(key)} {choice.removeprefix(start).replace(":", "x ")}'.rstrip()
    return without_password(str(choice))


def buttons(session: LiveSession, choice: Choice, say: Callable[[str], str]) -> None:
    """Draws the start and stop buttons and the state of the pipeline."""
    import streamlit as st

    left, right, state = st.columns([1, 1, 3])
    if left.button(say('start'), key='start', type='primary', width='stretch'):
        try:
            with st.spinner(say('waiting')):
                session.start(choice)
            st.session_state['own_camera'] = session.camera
        except (ValueError, OSError, RuntimeError, ImportError) as error:
            session.status = StatusText('refused', reason=one_sentence(error))
    if right.button(say('stop'), key='stop', width='stretch'):
        with st.spinner(say('stopping')):
            session.stop()
    running = session.choice if session.is_running else None
    if running is None:
        state.markdown(f'**{say("stopped")}**')
    else:
        state.markdown(
            f'**{say("running")}** · {name_of(running.source, say)} · {name_of(running.model, say)}'
        )
    if (running or choice).model == RANDOM:
        st.error(f'## {say("random")}')


def picture(
    session: LiveSession,
    draw_options: DrawOptions,
    skin: Skin | None,
    was_running: bool,
    language: str,
) -> None:
    """Draws the last frame with its poses, and poses the 3D model."""
    import streamlit as st

    say = partial(text, language=language)
    session.watch()
    camera(session, language)
    if session.is_running != was_running:
        st.rerun()  # another visitor has pressed a button, or the source ended
    live = session.latest
    if session.status is not None:
        st.warning(session.status.text(language))
    for problem in session.problems:
        st.warning(StatusText('problem', reason=problem).text(language))
    if live is None or live.result is None:
        st.info(say('waiting') if session.is_running else say('stopped'))
        return
    st.html(image_tag(with_note(live.result.draw(draw_options), session.picture_note)))
    report = session.report
    st.caption(
        f'{report.fps:.1f} fps · p50 {report.latency_p50_ms:.0f} ms · p95 '
        f'{report.latency_p95_ms:.0f} ms · {report.num_dropped} {say("dropped")} · '
        f'{say(live.quality.text)}'
    )
    if skin is not None and live.message is not None:
        show_people(skin, live.message.people)


def is_own_camera(session: LiveSession) -> bool:
    """Returns whether the source is the camera of this visitor's browser."""
    import streamlit as st

    return session.camera is not None and session.camera is st.session_state.get('own_camera')


def camera(session: LiveSession, language: str) -> None:
    """Sends the pictures of this visitor's browser, if it is the source."""
    import streamlit as st

    def problem(reason: str) -> None:
        is_known = reason in TEXTS
        session.status = (
            StatusText(reason) if is_known else StatusText('camera_failed', reason=reason)
        )

    wanted = session.camera
    if wanted is None:
        return
    if not is_own_camera(session):
        st.info(text('elsewhere', language))
        return
    st.caption(text('sending', language))
    show_camera(wanted, problem)


def view(session: LiveSession, rig: str, is_bare: bool, language: str) -> Skin | None:
    """Draws the 3D view; returns the mesh of its model."""
    import streamlit as st

    try:
        skin = skin_of(session.rig_file(rig) or HUMANOID_FILE, is_bare)
    except (ValueError, OSError) as error:
        reason = one_sentence(error).replace(f'{session.server_options.media}/', '')
        st.error(StatusText('no_rig', reason=reason).text(language))
        return None
    show_mesh(skin, text('no_webgl', language))
    return skin


def numbers(session: LiveSession, say: Callable[[str], str]) -> None:
    """Draws the list of people, the latency and the last message."""
    import streamlit as st

    live = session.latest
    if live is None or live.message is None:
        return
    if live.message.people:
        st.dataframe(people_table(live.message, say), hide_index=True, key='people_table')
    else:
        st.caption(say('nobody'))
    st.caption(say('latency'))
    st.html(latency_chart(list(session.latency_ms)))
    with st.expander(say('json')):
        st.code(live.message.to_json()[:20_000], language='json', wrap_lines=True)


def people_table(message: PoseMessage, say: Callable[[str], str]) -> list[dict[str, Any]]:
    """Returns a row per person."""
    return [
        {
            say('person'): person.id,
            say('score'): round(person.score, 2),
            say('joints'): int((person.scores > 0.3).sum()),
            say('method_3d'): _method(person.method_3d, say),
            say('rotations'): len(person.rotations or ()),
        }
        for person in message.people
    ]


def _method(name: str | None, say: Callable[[str], str]) -> str:
    if name is None:
        return say('flat')
    return say(name) if name in TEXTS else name


def image_tag(image_bgr: NDArray[np.uint8]) -> str:
    """Returns a picture embedded in HTML, downscaled to the shown width.

    A picture with its own URL would often be replaced before a slow browser requests it.
    """
    width = image_bgr.shape[1]
    if width > MAX_SHOWN_PX:
        scale = MAX_SHOWN_PX / width
        image_bgr = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    text = base64.b64encode(data.tobytes()).decode('ascii')
    return f'<img class="live" alt="" style="width:100%" src="data:image/jpeg;base64,{text}">'


def latency_chart(latency_ms: Sequence[float]) -> str:
    """Returns a line chart as HTML, the newest on the right, with its maximum beside it.

    A chart of Streamlit would take longer to draw than some models need for a frame.
    """
    top = max(latency_ms, default=0.0) or 1.0
    points = ' '.join(
        f'{CHART_WH[0] * number / max(1, len(latency_ms) - 1):.1f},'
        f'{CHART_WH[1] * (1 - value / top):.1f}'
        for number, value in enumerate(latency_ms)
    )
    width, height = CHART_WH
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 -2 {width} {height + 4}" preserveAspectRatio="none">'
        f'<polyline points="{points}" fill="none" stroke="#2f6fd0" stroke-width="1.5"/></svg>'
    )
    data = base64.b64encode(drawing.encode()).decode('ascii')
    return (
        f'<div style="display:flex;gap:.5em;font-size:.8em"><img class="latency" alt="" '
        f'style="flex:1;min-width:0;height:{height}px;border-bottom:1px solid #ccc" '
        f'src="data:image/svg+xml;base64,{data}"><span>{top:.0f}</span></div>'
    )


def main() -> None:
    """Draws the page; outside of a server, starts one."""
    import streamlit as st
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    if get_script_run_ctx(suppress_warning=True) is None:
        serve()
        return
    st.set_page_config(page_title='Live pose', layout='wide')
    language = st.sidebar.radio('Language / Idioma', list(LANGUAGES), horizontal=True, key='lang')
    say = partial(text, language=language)
    st.title(say('title'))
    if not st.get_option('server.allowedHosts'):
        st.error(say('any_host'))
        st.stop()
    session = shared_session()
    st.caption(say('shared'))
    choice = sidebar(session, language)
    buttons(session, choice, say)
    options = st.columns(3)
    threshold = options[0].slider(say('threshold'), 0.0, 1.0, 0.3, key='threshold')
    show_boxes = options[1].checkbox(say('boxes'), True, key='boxes')
    is_bare = options[2].checkbox(say('bones'), False, key='bones')
    draw_options = DrawOptions(threshold, show_boxes=show_boxes, show_ids=True)
    is_running = session.is_running
    # Each picture of the visitor's own camera redraws the page's picture as well.
    often = SLOW_EVERY_S if is_own_camera(session) else PICTURE_EVERY_S
    left, right = st.columns([3, 2])
    with right:
        skin = view(session, choice.rig, is_bare, language)
        slow = SLOW_EVERY_S if is_running else None
        st.fragment(numbers, run_every=slow)(session, say)
    with left:
        every = often if is_running else IDLE_EVERY_S
        st.fragment(picture, run_every=every)(session, draw_options, skin, is_running, language)


if __name__ == '__main__':
    main()
