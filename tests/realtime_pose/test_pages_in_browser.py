"""Both pages as a visitor has them: open, start, see a skeleton move, stop."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest
from headless_browser import CHROMIUM, Page, wait_until

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='Chromium is not installed')


def click_what_says(page, selector, text):
    found = f"[...document.querySelectorAll('{selector}')].filter(x => x.offsetParent)"
    one = f'{found}.find(x => x.textContent.includes({text!r}))'
    page.wait(f'!!{one}')
    page.run(f'{one}.click()')


def is_up(address):
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def served(tmp_path):
    """Starts a page and returns it in a browser."""
    pytest.importorskip('websockets', reason='Chromium is driven by a WebSocket')
    open_things = []

    def start(command, **environment):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        surroundings = os.environ | {'PYTHONPATH': f'{ROOT}{os.pathsep}{HERE}', **environment}
        surroundings |= {'VITPOSE_PORT': str(port), 'STREAMLIT_SERVER_PORT': str(port)}
        log = (tmp_path / 'server.log').open('wb')
        server = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=surroundings, stdout=log, stderr=log
        )
        open_things.append((server, None))
        address = f'http://127.0.0.1:{port}/'
        wait_until(lambda: is_up(address) or server.poll() is not None, 'the server')
        assert server.poll() is None, (tmp_path / 'server.log').read_text()
        page = Page(tmp_path / 'profile', address)
        open_things.append((server, page))
        return page

    yield start
    for server, page in reversed(open_things):
        if page is not None:
            page.close()
        server.terminate()
        server.wait(20)


def test_streamlit_shows_a_skeleton_that_moves(served):
    pytest.importorskip('streamlit', reason='the page needs requirements/app.txt')
    page = served(['-m', 'streamlit', 'run', str(HERE / 'stub_page.py')])
    click_what_says(page, 'button', 'Start')
    page.wait("document.body.innerText.includes('Running')")
    picture = "(document.querySelector('img.live') || {}).src || ''"
    first = page.wait(picture)
    page.wait(f'({picture}) !== {first!r}')
    bones = 'JSON.stringify((window.realtimePose?.view?.people ?? [])[0] ?? null)'
    posed = page.wait(f"{bones} !== 'null' && {bones}")
    page.wait(f'{bones} !== {posed!r}')  # the 3D model moves
    click_what_says(page, '.st-key-stop button', 'Stop')  # Streamlit has a Stop of its own
    page.wait("document.body.innerText.includes('Stopped')")


def test_gradio_looks_at_a_picture_and_at_a_camera(served, tmp_path):
    pytest.importorskip('gradio', reason='the page needs requirements/app.txt')
    file = tmp_path / 'picture.png'
    cv2.imwrite(str(file), np.full((96, 64, 3), 120, np.uint8))
    page = served([str(HERE / 'stub_gradio.py')], GRADIO_ANALYTICS_ENABLED='False')
    page.wait("document.querySelectorAll('input[type=file]').length > 0")
    page.choose_file('input[type=file]', file)
    page.wait("document.body.innerText.includes('keypoints')")
    click_what_says(page, '[role=tab]', 'Camera')
    click_what_says(page, 'button', 'Access Webcam')
    click_what_says(page, 'button', 'Record')
    made = "[...document.querySelectorAll('img')].filter(x => x.offsetParent)"
    shown = f"{made}.map(x => x.src).filter(x => x.includes('file='))"
    first = page.wait(f'{shown}.at(-1)')
    page.wait(f'{shown}.at(-1) !== {first!r}')  # the camera of Chromium moves
    click_what_says(page, 'button', 'Stop')
    page.wait("document.body.innerText.includes('Record')")
