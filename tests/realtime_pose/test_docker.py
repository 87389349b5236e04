"""The image, as far as it can be tried without an engine: its context, start and health check."""

import contextlib
import os
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / 'docker'
IGNORED = (ROOT / '.dockerignore').read_text().splitlines()
KEPT = [line[1:] for line in IGNORED if line.startswith('!')]
# A page that completes its files when it is told to end, and writes down what happens to it.
PAGE = """#!/usr/bin/env bash
name=$(basename "$1" _app.py)
trap 'echo $name completed $$ >>"$RECORD"; exit' TERM
echo $name started $$ >>"$RECORD"
while :; do sleep 0.02; done
"""


def instructions():
    """Returns the instructions of the Dockerfile, with their lines joined."""
    lines = (DOCKER / 'Dockerfile').read_text().splitlines()
    text = '\n'.join(line for line in lines if not line.startswith('#')).replace('\\\n', ' ')
    return [line.split(maxsplit=1) for line in text.splitlines() if line]


def test_dockerfile_names_what_is_there():
    found = instructions()
    words = [word for _, rest in found for word in shlex.split(rest.replace(',', ' '))]
    words = [word.strip('[]') for word in words]
    files = [word for word in words if word.endswith(('.txt', '.py', '.sh'))]
    assert len(files) == 5
    assert all((ROOT / file).is_file() for file in files)
    users = [rest for name, rest in found if name == 'USER']
    assert users
    assert int(users[-1]) > 0  # a number, so that a cluster can see that it is not root
    exposed = next(rest for name, rest in found if name == 'EXPOSE').split()
    pages = runpy.run_path(str(DOCKER / 'healthcheck.py'))['PAGES']
    assert sorted(exposed) == sorted(page.split(':')[2].split('/')[0] for page in pages)


def test_context_holds_what_is_needed_and_no_more(tmp_path):
    assert next(line for line in IGNORED if not line.startswith('#')) == '*'
    for name in KEPT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=lambda *_: ['__pycache__'])
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    script = (DOCKER / 'start.sh').read_text()
    pages = [word for word in script.split() if word.endswith('_app.py')]
    assert len(pages) == 2
    for page in pages:
        assert (tmp_path / page).is_file()
    command = [sys.executable, '-m', 'realtime_pose', '--max-frames', '2', '--size', '160', '128']
    environment = {**os.environ, 'PYTHONPATH': str(tmp_path), 'VITPOSE_CONFIG': ''}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'RANDOM WEIGHTS' in done.stdout
    assert '2 frames' in done.stdout


@pytest.fixture
def started(tmp_path):
    """Runs start.sh with two pages that only wait; gives the process and what the pages write."""
    (tmp_path / 'python').write_text(PAGE)
    (tmp_path / 'python').chmod(0o755)
    record = tmp_path / 'record'
    record.touch()
    process = subprocess.Popen(
        ['bash', str(DOCKER / 'start.sh')],
        env={'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'RECORD': str(record)},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    until = time.monotonic() + 10
    while len(record.read_text().splitlines()) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    yield process, lambda: [line.split() for line in record.read_text().splitlines()]
    with contextlib.suppress(ProcessLookupError):  # nothing is left when all went well
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_stop_lets_both_pages_complete_their_files(started):
    process, events = started
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM
    assert sorted(name for name, event, _ in events() if event == 'completed') == [
        'gradio',
        'streamlit',
    ]


@pytest.mark.parametrize('dead', ['gradio', 'streamlit'])
def test_container_ends_with_either_page(started, dead):
    process, events = started
    os.kill(next(int(pid) for name, _, pid in events() if name == dead), signal.SIGKILL)
    _, problem = process.communicate(timeout=10)
    assert process.returncode == 1
    assert f'status {128 + signal.SIGKILL}' in problem
    (other,) = (name for name, event, _ in events() if event == 'completed')
    assert other != dead


def serve(status):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_health_check_asks_both_pages():
    servers = [serve(200), serve(200), serve(500)]
    good, other, broken = (f'http://127.0.0.1:{server.server_port}/' for server in servers)
    main = runpy.run_path(str(DOCKER / 'healthcheck.py'))['main']

    def check(*pages):
        main.__globals__['PAGES'] = pages
        main()

    check(good, other)
    with pytest.raises(SystemExit, match=f'{broken}: .*500'):
        check(good, broken)
    servers[1].shutdown()
    servers[1].server_close()
    with pytest.raises(SystemExit, match=f'{other}: .*refused'):
        check(other, good)
    for server in (servers[0], servers[2]):
        server.shutdown()
        server.server_close()
