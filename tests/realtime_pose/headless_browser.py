"""A page in headless Chromium, driven by the Chrome DevTools protocol."""

import itertools
import json
import shutil
import subprocess
import time
import urllib.request

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser'))), None)
FLAGS = (
    '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
    '--enable-unsafe-swiftshader', '--window-size=1280,1400', '--remote-debugging-port=0',
)  # fmt: skip
PATIENCE_S = 60.0


def wait_until(condition, what, seconds=PATIENCE_S):
    """Returns the first true result."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f'{what}: not within {seconds:g} s')


class Page:
    """The one tab of a Chromium of its own.

    Args:
        folder: Is empty; for its profile.
        address: To open.
    """

    def __init__(self, folder, address):
        from websockets.sync.client import connect

        command = [CHROMIUM, *FLAGS, f'--user-data-dir={folder}', address]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self._numbers = itertools.count()
        try:
            port_file = folder / 'DevToolsActivePort'
            wait_until(lambda: port_file.is_file() and '\n' in port_file.read_text(), 'Chromium')
            port = port_file.read_text().split()[0]
            with urllib.request.urlopen(f'http://127.0.0.1:{port}/json/list') as answer:
                [tab] = [tab for tab in json.load(answer) if tab['type'] == 'page']
            self._socket = connect(tab['webSocketDebuggerUrl'], max_size=None, proxy=None)
        except BaseException:
            self._process.kill()
            raise

    def call(self, method, **parameters):
        """Returns the result of a call of the protocol."""
        number = next(self._numbers)
        self._socket.send(json.dumps({'id': number, 'method': method, 'params': parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if answer.get('id') == number:
                assert 'error' not in answer, answer
                return answer['result']

    def run(self, script):
        """Returns the value of an expression."""
        found = self.call('Runtime.evaluate', expression=script, returnByValue=True)
        assert 'exceptionDetails' not in found, found
        return found['result'].get('value')

    def wait(self, script, seconds=PATIENCE_S):
        """Returns the value of an expression as soon as it is true."""
        return wait_until(lambda: self.run(script), script, seconds)

    def choose_file(self, selector, path):
        """Gives a file to an input."""
        root = self.call('DOM.getDocument')['root']['nodeId']
        node = self.call('DOM.querySelector', nodeId=root, selector=selector)['nodeId']
        self.call('DOM.setFileInputFiles', nodeId=node, files=[str(path)])

    def close(self):
        """Ends the browser."""
        self._socket.close()
        self._process.terminate()
        self._process.wait(10)
