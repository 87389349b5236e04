import base64
import contextlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from headless_browser import wait_until
from live_parts import StubEstimator

from mmpose.video import VideoFile
from realtime_pose.capture import SyntheticSource
from realtime_pose.communication.message import Person
from realtime_pose.ik import SimpleIKSolver
from realtime_pose.inference.rate_controller import QUALITY_LEVELS
from realtime_pose.interface import live_session
from realtime_pose.interface.browser_camera import NAME, PREFIX, BrowserCamera, decode_picture
from realtime_pose.interface.host_check import LOCAL_HOSTS, HostCheck
from realtime_pose.interface.live_session import LiveSession
from realtime_pose.interface.server_options import Choice, ServerOptions
from realtime_pose.interface.texts import LANGUAGES, TEXTS, StatusText, text
from realtime_pose.interface.view3d import mesh_data, poses, skin_of
from realtime_pose.model3d import HUMANOID_FILE

ROOT = Path(__file__).resolve().parents[2]
CHOICE = Choice('random', 'cpu', 'synthetic', size_wh=(160, 128))


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setattr(live_session, 'ViTPoseEstimator', lambda *_: StubEstimator())
    media = tmp_path / 'media'
    media.mkdir()
    (media / 'clip.png').write_bytes(b'')
    (media / 'secret.txt').write_text('')
    (media / 'figure.vrm').write_bytes(HUMANOID_FILE.read_bytes())
    (media / 'link.png').symlink_to('/etc/passwd')
    made = LiveSession(
        ServerOptions.of_environment({'VITPOSE_MEDIA': str(media)}), tmp_path / 'recordings'
    )
    yield made
    made.stop()


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


def test_only_what_the_operator_offers_can_be_chosen(session):
    sources = session.server_options.sources
    assert 'clip.png' in sources
    assert not {'secret.txt', 'link.png', 'figure.vrm'} & set(sources)
    assert session.server_options.rigs == ('humanoid', 'figure.vrm')
    bad = [
        {'model': '/tmp/config.py'},
        {'device': 'cuda:99'},
        {'source': '/etc/passwd'},
        {'source': '../clip.png'},
        {'source': 'rtsp://10.0.0.1/x'},
        {'target': '10.0.0.1:5005'},
        {'rig': '/etc/passwd'},
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
    with pytest.raises(ValueError, match='not on offer'):
        session.rig_file('../figure.vrm')


def test_a_refusal_does_not_tell_passwords_of_addresses():
    server_options = ServerOptions.of_environment(
        {'VITPOSE_ADDRESSES': 'rtsp://user:secret@10.0.0.1/a'}
    )
    with pytest.raises(ValueError, match='not on offer') as caught:
        replace(CHOICE, source='rtsp://10.0.0.1/a').check(server_options)
    assert 'secret' not in str(caught.value)


def test_start_shows_people_and_stop_stops(session, tmp_path):
    session.start(replace(CHOICE, is_recorded=True))
    first = session._estimator
    wait_for(lambda: len(session.latency_ms) > 3)
    assert session.is_running
    assert len(session.latest.message.people) == 1
    assert session.status.key == 'recording'
    session.stop()
    assert session.status.key == 'recorded'
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
    assert 'no page was open' in session.status.text('English')


def test_it_stops_when_the_browser_was_closed_and_its_camera_with_it(session):
    now = [0.0]
    session._clock = lambda: now[0]
    session.start(replace(CHOICE, source=NAME))
    now[0] = 61.0  # no picture ever came
    wait_for(lambda: not session.is_running)
    assert session.status.key == 'unwatched'


def test_starting_again_and_again_leaves_no_thread_behind(session):
    before = threading.active_count()
    for number in range(10):
        session.start(replace(CHOICE, source=NAME if number % 2 else 'synthetic'))
        if session.camera is not None:
            session.camera.receive(1, jpeg_text())
        wait_for(lambda: session.latest is not None)
    session.stop()
    wait_for(lambda: threading.active_count() <= before)


def jpeg_text(size_wh=(80, 60)):
    image = np.full((size_wh[1], size_wh[0], 3), 120, np.uint8)
    return PREFIX + base64.b64encode(cv2.imencode('.jpg', image)[1].tobytes()).decode()


def test_pictures_of_a_browser_are_a_live_source(session):
    pytest.importorskip('PIL.Image', reason='pictures of a browser need Pillow')
    session.start(replace(CHOICE, source=NAME, size_wh=(160, 120)))
    camera = session.camera
    for number in (1, 2, 3):
        camera.receive(number, jpeg_text())
        wait_for(lambda: session.report.num_frames >= number)  # noqa: B023
    assert camera.received == 3
    assert session.latest.message.source == NAME
    assert session.latest.message.size_wh == (80, 60)
    session.stop()
    assert session.camera is None


def test_a_browser_that_goes_away_is_said_and_comes_back(session, monkeypatch):
    monkeypatch.setattr('realtime_pose.interface.browser_camera.SILENT_S', 0.1)
    session.start(replace(CHOICE, source=NAME))
    wait_for(lambda: session.problems)
    assert 'no picture came for 0.1 s' in session.problems[0]
    session.camera.receive(1, jpeg_text())
    wait_for(lambda: not session.problems)


def test_what_a_browser_sends_is_checked():
    camera = BrowserCamera((160, 120))
    for picture, reason in (
        (None, 'no JPEG'),
        ('data:text/html;base64,AAAA', 'no JPEG'),
        (PREFIX + '!!!', 'no JPEG'),
        (PREFIX + 'AAAA', 'no picture'),
        (PREFIX + 'A' * 2_000_000, 'at most 2000000'),
        (jpeg_text((200, 100)), '200x100 px'),
    ):
        with pytest.raises(ValueError, match=reason):
            camera.receive(1, picture)
    assert camera.received == 0


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
    status = StatusText('over', number=7)
    assert '7 frames' in status.text('English')
    assert '7 imágenes' in status.text('Español')
    for quality in QUALITY_LEVELS:
        assert quality.text in TEXTS


ANSWERS = [
    ({'host': 'localhost:7860'}, True),
    ({'host': '127.0.0.1'}, True),
    ({'host': '[::1]:7860'}, True),
    ({'host': 'LocalHost.'}, True),
    ({'host': 'pose.lab'}, True),
    ({'host': 'localhost', 'origin': 'http://localhost:7860'}, True),
    ({'host': 'localhost', 'origin': 'http://127.0.0.1:7860'}, True),
    ({'host': 'evil.example:7860'}, False),
    ({'host': '127.0.0.1.evil.example'}, False),
    ({'host': 'localhost@evil.example'}, False),
    ({'host': '10.0.0.1'}, False),
    ({'host': 'localhost:x'}, False),
    ({'host': ''}, False),
    ({}, False),
    ({'host': 'localhost', 'origin': 'http://evil.example'}, False),
    ({'host': 'localhost', 'origin': 'https://localhost.evil.example'}, False),
    ({'host': 'localhost', 'origin': 'null'}, False),
    ({'host': 'localhost', 'origin': 'http://[::1'}, False),
]


@pytest.mark.parametrize(('headers', 'is_allowed'), ANSWERS)
def test_a_page_answers_to_its_own_names_and_sites_only(headers, is_allowed):
    check = HostCheck(None, (*LOCAL_HOSTS, 'pose.lab'))
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert check.is_allowed(pairs) == is_allowed
    assert not check.is_allowed([*pairs, (b'host', b'localhost'), (b'host', b'localhost')])


def answer_to(port, host, path):
    """Returns the first line of the answer to a WebSocket of another site, or of one's own."""
    with socket.create_connection(('127.0.0.1', port), timeout=20) as client:
        client.sendall(
            f'GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: http://{host}:{port}\r\n'
            'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
            'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n'.encode()
        )
        return client.recv(300).split(b'\r\n')[0].decode()


def test_streamlit_serves_this_machine_only(tmp_path):
    pytest.importorskip('streamlit', minversion='1.61', reason='it needs requirements/app.txt')
    config = (ROOT / '.streamlit/config.toml').read_text(encoding='utf-8')
    assert 'address = "127.0.0.1"' in config
    (tmp_path / 'page.py').touch()
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    command = ['-m', 'streamlit', 'run', str(tmp_path / 'page.py'), '--server.port', str(port)]
    server = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        while b'URL' not in server.stdout.readline():
            assert server.poll() is None
        assert '101' in answer_to(port, 'localhost', '/_stcore/stream')
        assert '403' in answer_to(port, 'evil.example', '/_stcore/stream')
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_what_strangers_send_before_a_visit_leaves_no_traceback(tmp_path):
    pytest.importorskip('streamlit', minversion='1.61', reason='it needs requirements/app.txt')
    client = pytest.importorskip('websockets.sync.client', reason='a stranger sends by it')
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    with (tmp_path / 'log').open('wb') as log:
        server = subprocess.Popen(
            [
                sys.executable,
                'realtime_pose/interface/streamlit_app.py',
                '--server.port',
                str(port),
            ],
            cwd=ROOT,
            env=os.environ | {'PYTHONPATH': str(ROOT)},
            stdout=log,
            stderr=log,
        )
    text = (tmp_path / 'log').read_text
    try:
        wait_until(lambda: 'URL' in text() or server.poll() is not None, 'the server')
        for sent in (b'\xff' * 50, 'text'):  # no message of Streamlit; no bytes
            with client.connect(f'ws://127.0.0.1:{port}/_stcore/stream') as stranger:
                stranger.send(sent)
                with contextlib.suppress(Exception):
                    stranger.recv(timeout=2)
        wait_until(lambda: 'KeyError' in text(), 'the complaint')
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert 'Error deserializing back message: DecodeError' in text()
    assert 'Traceback' not in text()


def test_streamlit_shows_nothing_where_it_would_answer_to_any_name(monkeypatch):
    pytest.importorskip('streamlit', reason='the page needs requirements/app.txt')
    import streamlit
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr(streamlit, 'get_option', lambda _: [])
    page = AppTest.from_file(str(ROOT / 'realtime_pose/interface/streamlit_app.py'))
    page.run(timeout=60)
    assert [entry.value.split(':')[0] for entry in page.error] == [
        'This page is off, because it would answer to other sites'
    ]
    assert not page.button


def test_the_page_of_streamlit_starts_and_stops(monkeypatch):
    pytest.importorskip('streamlit', reason='the page needs requirements/app.txt')
    from streamlit import config
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr(live_session, 'ViTPoseEstimator', lambda *_: StubEstimator())
    config.set_option('server.allowedHosts', ['localhost'])
    page = AppTest.from_file(str(ROOT / 'realtime_pose/interface/streamlit_app.py'))
    page.run(timeout=60)
    assert not page.exception
    page.sidebar.selectbox(key='size_0').select('320x240')
    page.button(key='start').click().run(timeout=60)
    assert not page.exception
    assert any('Running' in entry.value for entry in page.markdown)
    page.sidebar.radio(key='lang').set_value('Español').run(timeout=60)
    assert page.title[0].value == 'Pose en vivo'
    page.button(key='stop').click().run(timeout=60)
    assert any('Detenido' in entry.value for entry in page.markdown)
    assert not page.exception


def person_in_3d():
    joints = SyntheticSource(1).keypoints_at(0)[0]
    solved = SimpleIKSolver().solve(joints)
    return Person(
        1, 1.0, np.zeros(4), joints, np.ones(17), solved.joints_3d, solved.method,
        solved.rotations, solved.root,
    )  # fmt: skip


@pytest.mark.parametrize('is_bare', [False, True])
def test_people_in_3d_stand_upright(is_bare):
    skin = skin_of(HUMANOID_FILE, is_bare)
    person = person_in_3d()
    [rows] = poses(skin, [person, replace(person, rotations=None)])
    matrices = np.reshape(rows, (-1, 3, 4))
    assert len(matrices) == 20  # of the 19 bones and of what does not move; as the page has it
    mixed = np.einsum('vw,vwij->vij', skin.weights, matrices[skin.bones])
    heights = np.einsum('vj,vj->v', mixed[:, 1, :3], skin.points) + mixed[:, 1, 3]
    assert -0.1 < heights.min() < 0.15  # m; somebody of 1.7 m stands on the floor
    assert 1.3 < heights.max() < 1.9


def test_the_mesh_of_the_page_is_complete():
    skin = skin_of()
    data = mesh_data(skin)
    sizes = {'point': 12, 'normal': 3, 'color': 3, 'bone': 4, 'weight': 4}
    for name, size in sizes.items():
        assert len(base64.b64decode(data[name])) == size * len(skin.points)
    weights = np.frombuffer(base64.b64decode(data['weight']), np.uint8).reshape(-1, 4)
    assert (weights.sum(axis=1) == 255).all()


@pytest.fixture
def gradio_app(monkeypatch):
    pytest.importorskip('gradio', reason='the page needs requirements/app.txt')
    from realtime_pose.inference.model_choice import available_models
    from realtime_pose.interface import gradio_app

    choice = available_models({}, Path('/nowhere'))['random']
    monkeypatch.setattr(gradio_app, 'load_estimator', lambda: (StubEstimator(), choice))
    return gradio_app


def test_the_page_of_gradio_looks_at_pictures(gradio_app):
    app = gradio_app.build_app()
    shown = str(app.get_config_file())
    assert 'RANDOM WEIGHTS' in shown
    assert gradio_app.DEFAULT_HOST == '127.0.0.1'
    drawn, poses = gradio_app.process_frame(np.zeros((64, 48, 3), np.uint8))
    assert drawn.shape == (72, 48, 3)  # with a bar that says RANDOM WEIGHTS
    assert len(poses['people'][0]['keypoints']) == 17
    assert gradio_app.process_frame(None) == (None, {'people': []})


def served(gradio_app, monkeypatch):
    """Returns a client of the page as it is launched, and the options of the launch."""
    import gradio
    from starlette.testclient import TestClient

    launched = {}
    monkeypatch.setattr(
        gradio.Blocks, 'launch', lambda page, **options: launched.update(options, page=page)
    )
    gradio_app.serve()
    page = gradio.routes.App.create_app(launched['page'], app_kwargs=launched['app_kwargs'])
    return TestClient(page, 'http://localhost:7860', raise_server_exceptions=False), launched


def test_gradio_refuses_other_names_and_sites(gradio_app, monkeypatch):
    monkeypatch.setenv('VITPOSE_ALLOWED_HOSTS', 'pose.lab, other.lab')
    monkeypatch.setenv('VITPOSE_HOST', '0.0.0.0')
    client, _ = served(gradio_app, monkeypatch)
    for path in ('/config', '/gradio_api/info'):
        assert client.get(path).status_code == 200
        assert client.get(path, headers={'host': 'pose.lab'}).status_code == 200
        assert client.get(path, headers={'host': 'evil.example'}).status_code == 403
        assert client.get(path, headers={'origin': 'http://evil.example'}).status_code == 403
    assert client.post('/gradio_api/call/image', headers={'host': 'evil'}).status_code == 403


def test_gradio_shares_no_picture_with_a_public_host(gradio_app):
    components = gradio_app.build_app().get_config_file()['components']
    buttons = {
        button
        for component in components
        if component['type'] in ('image', 'video')
        for button in component['props']['buttons']
    }
    assert buttons == {'fullscreen', 'download'}


def test_gradio_keeps_what_visitors_made_no_longer_than_it_says(gradio_app, tmp_path, monkeypatch):
    from gradio.route_utils import delete_files_created_by_app

    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path / 'cache'))
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'temporary'))
    (tmp_path / 'temporary').mkdir()
    app = gradio_app.build_app()
    overlay = next(x for x in app.blocks.values() if type(x).__name__ == 'Video')
    path, _ = gradio_app.process_video(write_video(tmp_path / 'in.mp4', 3))
    overlay.move_resource_to_block_cache(path)  # as after each event
    assert Path(path).is_file()
    delete_files_created_by_app(app, age=None)
    monkeypatch.setattr(gradio_app, 'VideoSource', Unreadable)
    with pytest.raises(ValueError, match='not one frame'):
        gradio_app.process_video(str(tmp_path / 'in.mp4'))
    left = [x for x in tmp_path.rglob('*') if x.is_file()]
    assert left == [tmp_path / 'in.mp4']


class Unreadable:
    fps, reader = 30.0, None

    def __init__(self, path):
        pass

    def __iter__(self):
        raise ValueError('not one frame can be decoded')


def write_video(path, num_frames, size_wh=(64, 48)):
    video = VideoFile(path, 10)
    for _ in range(num_frames):
        video.add(np.full((*size_wh[::-1], 3), 90, np.uint8))
    video.close()
    return str(path)


def test_gradio_looks_at_a_limited_number_of_pixels(gradio_app, tmp_path, monkeypatch):
    path = write_video(tmp_path / 'in.mp4', 5)
    monkeypatch.setattr(gradio_app, 'MAX_VIDEO_PIXELS', 2 * 64 * 48)
    _, poses = gradio_app.process_video(path)
    assert poses['note'] == 'only the first 2 of 5 frames are here'
    monkeypatch.setattr(gradio_app, 'MAX_FRAME_PIXELS', 64 * 48 - 1)
    with pytest.raises(ValueError, match='frames of 64x48 px, at most 3071 px'):
        gradio_app.process_video(path)


@pytest.mark.parametrize(
    ('package', 'suffix', 'code'), [('av', '.mp4', b'h264'), (None, '.webm', b'VP80')]
)
def test_gradio_makes_videos_that_browsers_play(
    gradio_app, tmp_path, monkeypatch, package, suffix, code
):
    if package is None:
        monkeypatch.setitem(sys.modules, 'av', None)
    else:
        pytest.importorskip(package)
    monkeypatch.setattr(gradio_app, 'MAX_VIDEO_FRAMES', 3)
    path, poses = gradio_app.process_video(write_video(tmp_path / 'in.mp4', 5))
    assert path.endswith(suffix)
    assert len(poses['frames']) == 3
    assert poses['note'] == 'only the first 3 of 5 frames are here'
    codec = int(cv2.VideoCapture(path).get(cv2.CAP_PROP_FOURCC))
    assert codec.to_bytes(4, 'little').upper() == code.upper()


def test_gradio_says_in_one_sentence_what_is_wrong(gradio_app, tmp_path):
    import gradio

    file = tmp_path / 'fake.mp4'
    file.write_text('hello\n')
    for work, reason in (
        (gradio_app.process_picture, 'this is no picture'),
        (gradio_app.process_video, "'fake.mp4' (6 bytes) cannot be read as a video"),
    ):
        with pytest.raises(gradio.Error) as caught:
            gradio_app.with_readable_errors(work)(str(file), 0.3)
        assert reason in caught.value.message
        assert str(tmp_path) not in caught.value.message
