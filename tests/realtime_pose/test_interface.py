import io
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from live_parts import StubEstimator

from realtime_pose.interface import live_session
from realtime_pose.interface.live_session import Choice, LiveSession, Offer
from realtime_pose.interface.texts import LANGUAGES, TEXTS, text
from realtime_pose.interface.uploads import decode_picture

ROOT = Path(__file__).resolve().parents[2]
CHOICE = Choice('random', 'cpu', 'synthetic', size_wh=(160, 128))


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setattr(live_session, 'ViTPoseEstimator', lambda *_: StubEstimator())
    media = tmp_path / 'media'
    media.mkdir()
    (media / 'clip.png').write_bytes(b'')
    (media / 'secret.txt').write_text('')
    (media / 'link.png').symlink_to('/etc/passwd')
    made = LiveSession(Offer.of_environment({'VITPOSE_MEDIA': str(media)}), tmp_path / 'recordings')
    yield made
    made.stop()


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


def test_only_what_the_operator_offers_can_be_chosen(session):
    sources = session.offer.sources
    assert 'clip.png' in sources
    assert not {'secret.txt', 'link.png'} & set(sources)
    bad = [
        {'model': '/tmp/config.py'},
        {'device': 'cuda:99'},
        {'source': '/etc/passwd'},
        {'source': '../clip.png'},
        {'source': 'rtsp://10.0.0.1/x'},
        {'target': '10.0.0.1:5005'},
        {'method_3d': 'magic'},
        {'fps': 1e9},
        {'max_people': 0},
        {'size_wh': (100_000, 100_000)},
    ]
    for change in bad:
        with pytest.raises(ValueError, match=next(iter(change)).split('_')[0]):
            session.start(replace(CHOICE, **change))
    assert not session.is_running
    with pytest.raises(ValueError, match='not on offer'):
        session.estimator('/tmp/config.py', 'cpu')


def test_start_shows_people_and_stop_stops(session, tmp_path):
    session.start(replace(CHOICE, is_recorded=True))
    first = session._estimator
    wait_for(lambda: len(session.latency_ms) > 3)
    assert session.is_running
    assert len(session.latest.message.people) == 1
    session.stop()
    assert not session.is_running
    num_frames = session.report.num_frames
    time.sleep(0.2)
    assert session.report.num_frames == num_frames
    assert list((tmp_path / 'recordings').glob('*/poses.jsonl'))
    session.start(CHOICE)
    wait_for(lambda: session.latest is not None)
    assert session._estimator is first  # one model, not one per start


def test_nothing_is_written_unless_asked_for(session, tmp_path):
    session.start(CHOICE)
    wait_for(lambda: session.latest is not None)
    session.stop()
    assert not (tmp_path / 'recordings').exists()


def test_it_stops_when_the_browser_was_closed(session):
    now = [0.0]
    session._clock = lambda: now[0]
    session.start(CHOICE)
    wait_for(lambda: session.latest is not None)
    now[0] = 61.0
    wait_for(lambda: not session.is_running)
    assert 'no page was open' in session.message


def test_pictures_of_a_browser_have_limits():
    image = pytest.importorskip('PIL.Image', reason='pictures of a browser need Pillow')
    buffer = io.BytesIO()
    image.fromarray(np.full((5, 7, 3), 200, np.uint8)).save(buffer, 'PNG')
    assert decode_picture(buffer.getvalue()).shape == (5, 7, 3)
    bomb = io.BytesIO()
    image.new('1', (9000, 9000)).save(bomb, 'PNG')
    for data, reason in (
        (b'hello', 'no picture'),
        (b'x' * 20_000_001, 'bytes'),
        (bomb.getvalue(), 'at most 40000000 px'),
    ):
        with pytest.raises(ValueError, match=reason):
            decode_picture(data)


def test_every_text_is_in_both_languages():
    for key, both in TEXTS.items():
        assert len(both) == len(LANGUAGES) == 2
        assert all(text(key, language) for language in LANGUAGES)
    assert text('stop', 'Español') == 'Detener'


def test_streamlit_serves_this_machine_only():
    config = (ROOT / '.streamlit/config.toml').read_text(encoding='utf-8')
    assert 'address = "127.0.0.1"' in config


def test_the_page_of_streamlit_starts_and_stops(monkeypatch):
    pytest.importorskip('streamlit', reason='the page needs requirements/app.txt')
    pytest.importorskip('plotly', reason='the page needs requirements/app.txt')
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr(live_session, 'ViTPoseEstimator', lambda *_: StubEstimator())
    monkeypatch.chdir(ROOT)
    page = AppTest.from_file(str(ROOT / 'realtime_pose/interface/streamlit_app.py'))
    page.run(timeout=60)
    assert not page.exception
    page.sidebar.selectbox(key='size').select('320x240')
    page.button(key='start').click().run(timeout=60)
    assert not page.exception
    assert any('Running' in entry.value for entry in page.markdown)
    page.sidebar.radio(key='lang').set_value('Español').run(timeout=60)
    assert page.title[0].value == 'Pose en vivo'
    page.button(key='stop').click().run(timeout=60)
    assert any('Detenido' in entry.value for entry in page.markdown)
    assert not page.exception


def test_people_in_3d_stand_upright():
    pytest.importorskip('plotly', reason='the page needs requirements/app.txt')
    from realtime_pose.capture import SyntheticSource
    from realtime_pose.communication.message import Person
    from realtime_pose.ik import SimpleIKSolver
    from realtime_pose.interface.view3d import figure_of

    joints = SyntheticSource(1).joints_at(0)[0]
    solved = SimpleIKSolver().solve(joints)
    person = Person(
        1, 1.0, np.zeros(4), joints, np.ones(17), solved.joints_3d, solved.method,
        solved.rotations, solved.root,
    )  # fmt: skip
    for with_skin in (True, False):
        [trace] = figure_of([person], 'coco', with_skin).data
        heights = np.asarray(trace.z, float)
        assert -0.1 < np.nanmin(heights) < 0.15  # m; somebody of 1.7 m stands on the floor
        assert 1.3 < np.nanmax(heights) < 1.9


def test_the_page_of_gradio_looks_at_pictures(monkeypatch):
    pytest.importorskip('gradio', reason='the page needs requirements/app.txt')
    from realtime_pose.inference.model_choice import available_models
    from realtime_pose.interface import gradio_app

    choice = available_models({}, Path('/nowhere'))['random']
    monkeypatch.setattr(gradio_app, 'load_estimator', lambda: (StubEstimator(), choice))
    app = gradio_app.build_app()
    shown = str(app.get_config_file())
    assert 'RANDOM WEIGHTS' in shown
    drawn, poses = gradio_app.process_frame(np.zeros((64, 48, 3), np.uint8))
    assert drawn.shape == (64, 48, 3)
    assert len(poses['people'][0]['keypoints']) == 17
    assert gradio_app.process_frame(None) == (None, {'people': []})
    assert gradio_app.DEFAULT_HOST == '127.0.0.1'
