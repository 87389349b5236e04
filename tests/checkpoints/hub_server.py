"""A web server that answers as the Hugging Face hub and, for other paths, as a plain one."""

import hashlib
import http.server
import re
import threading
from contextlib import contextmanager
from urllib.parse import unquote

import torch

COMMIT = 'c' * 40
HUB_PATH = re.compile(r'/([^/]+/[^/]+)/resolve/[^/]+/(.+)')


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; ``server.changes`` sets what goes wrong.

    Files of the hub are at ``/organisation/name/file``, at any revision. As there, the answer is a
    redirect whose headers announce the SHA-256.
    """

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_content):
        changes = self.server.changes
        path = unquote(self.path.partition('?')[0])
        match = HUB_PATH.fullmatch(path)
        name = f'/{match[1]}/{match[2]}' if match else path.removeprefix('/cdn')
        content = self.server.files.get(name)
        self.server.requests.append((self.command, path, self.headers.get('Range')))
        if content is None:
            self.send_response(404)
            self.send_header('Content-Length', '0')
            return self.end_headers()
        self.send_response(302 if match else changes.get('status', 200))
        if match:
            self.send_header('X-Repo-Commit', COMMIT)
            digest = changes.get('digest') or hashlib.sha256(content).hexdigest()
            self.send_header('X-Linked-ETag', f'"{digest}"')
            self.send_header('X-Linked-Size', str(len(content)))
            self.send_header('Location', f'{self.server.content_address}{name}')
            self.send_header('Content-Length', '0')
            return self.end_headers()
        self.send_header('Content-Length', str(changes.get('length', len(content))))
        self.send_header('ETag', f'"{hashlib.md5(content).hexdigest()}"')
        self.end_headers()
        if with_content:
            self.wfile.write(content[: changes.get('cut')])

    def log_message(self, *args):
        pass


@contextmanager
def serve(folder, monkeypatch):
    """Yields a server; PyTorch's cache and that of the hub are below ``folder``."""
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        httpd.files, httpd.requests, httpd.changes = {}, [], {}
        httpd.address = f'http://127.0.0.1:{httpd.server_port}'
        # another host, as the contents of the hub are on
        httpd.content_address = f'http://localhost:{httpd.server_port}/cdn'
        monkeypatch.setenv('no_proxy', '*')
        monkeypatch.setenv('HF_ENDPOINT', httpd.address)
        monkeypatch.setattr(torch.hub, '_hub_dir', str(folder / 'hub'))
        try:
            from huggingface_hub import constants
        except ImportError:
            pass
        else:
            monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(folder / 'hf'))
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield httpd
        httpd.shutdown()
