"""A web server that answers as the Hugging Face hub and, for other paths, as a plain one."""

import base64
import hashlib
import http.server
import json
import re
import threading
from contextlib import contextmanager
from urllib.parse import unquote

import torch

COMMIT = 'c' * 40
HUB_PATH = re.compile(r'/([^/]+/[^/]+)/resolve/([^/]+)/(.+)')
MAIN = 'main'


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; ``server.changes`` sets what goes wrong.

    Files of the hub are at ``/organisation/name/file``, those of another branch than main at
    ``/organisation/name@branch/file``. As there, the answer is a redirect whose headers announce
    the SHA-256, a missing file has the reason in a header, and files come in commits: JSON lines
    with what is small, and the hashes of what was put before.
    """

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_content):
        changes = self.server.changes
        path = unquote(self.path.partition('?')[0])
        match = HUB_PATH.fullmatch(path)
        name = self.place(match[1], match[2]) + f'/{match[3]}' if match else path
        name = name.removeprefix('/cdn')
        content = self.server.files.get(name)
        self.server.requests.append((self.command, path, self.headers.get('Range')))
        if path.startswith('/api/models/'):  # older clients ask how to upload
            repo = path.removeprefix('/api/models/').partition('/revision/')[0]
            is_there = repo in self.server.repos and not self.is_refused()
            return self.reply(200 if is_there else 404, {'id': repo}, 'RepoNotFound')
        if match and self.is_refused():
            return self.reply(401, {}, 'GatedRepo' if changes.get('gated') else 'RepoNotFound')
        if content is None:
            return self.reply(404, {}, self.what_is_missing(name.rpartition('/')[0]))
        self.send_response(302 if match else changes.get('status', 200))
        if match:
            self.send_header(
                'X-Repo-Commit', self.server.heads.get(name.rpartition('/')[0], COMMIT)
            )
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

    def do_PUT(self):
        self.server.files[self.path] = self.body()
        self.reply(200, {})

    def do_POST(self):
        body, path = self.body(), unquote(self.path.partition('?')[0])
        self.server.requests.append(('POST', path, None))
        if self.is_refused():
            return self.reply(401, {'error': 'Invalid username or password.'})
        if 'forbidden' in self.server.changes:
            return self.reply(403, {'error': 'You have no right to do that'})
        if path == '/api/repos/create':
            return self.create(json.loads(body))
        if path == '/api/validate-yaml':
            return self.reply(200, {'errors': [], 'warnings': []})
        if path.endswith('/objects/batch'):
            return self.reply(200, {'transfer': 'basic', 'objects': self.batch(json.loads(body))})
        repo, verb, revision = re.fullmatch(r'/api/models/(.+?/.+?)/(\w+)/(.+)', path).groups()
        if verb == 'preupload':
            files = [
                {**file, 'uploadMode': self.mode(file), 'shouldIgnore': False}
                for file in json.loads(body)['files']
            ]
            return self.reply(200, {'files': files})
        if verb == 'commit':
            oid, place = hashlib.sha1(body).hexdigest(), self.place(repo, revision)
            self.server.heads[place], self.server.places[oid] = oid, place
            self.commit(place, map(json.loads, body.splitlines()))
            url = f'{self.server.address}/{repo}/commit/{oid}'
            return self.reply(200, {'commitUrl': url, 'commitOid': oid})
        self.reply(200, {})

    def create(self, asked):
        repo = f'{asked["organization"]}/{asked["name"]}'
        is_new = repo not in self.server.repos
        self.server.repos.setdefault(repo, asked)
        self.reply(200 if is_new else 409, {'url': f'{self.server.address}/{repo}'})

    def batch(self, asked):
        href = f'{self.server.address}/blobs/'
        return [
            {**blob, 'actions': {'upload': {'href': href + blob['oid'], 'header': {}}}}
            for blob in asked['objects']
        ]

    def commit(self, place, lines):
        for line in lines:
            value = line['value']
            if line['key'] == 'file':
                content = base64.b64decode(value['content'])
                self.server.files[f'{place}/{value["path"]}'] = content
            elif line['key'] == 'lfsFile':
                blob = self.server.files[f'/blobs/{value["oid"]}']
                self.server.files[f'{place}/{value["path"]}'] = blob

    def mode(self, file):
        return 'lfs' if file['path'].endswith('.safetensors') else 'regular'

    def place(self, repo, revision):
        if revision in self.server.places:  # a commit
            return self.server.places[revision]
        is_main = revision in (MAIN, COMMIT)
        return f'/{repo}' if is_main else f'/{repo}@{revision}'

    def what_is_missing(self, place):
        for reason, start in (('EntryNotFound', place), ('RevisionNotFound', place.split('@')[0])):
            if any(name.startswith(f'{start}/') for name in self.server.files):
                return reason
        return 'RepoNotFound'

    def is_refused(self):
        token = self.server.changes.get('token')
        return token is not None and self.headers.get('Authorization') != f'Bearer {token}'

    def body(self):
        return self.rfile.read(int(self.headers.get('Content-Length') or 0))

    def reply(self, status, content, reason=None):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        if reason:
            self.send_header('X-Error-Code', reason)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)

    def log_message(self, *args):
        pass


@contextmanager
def serve(folder, monkeypatch):
    """Yields a server; PyTorch's cache and that of the hub are below ``folder``."""
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        httpd.files, httpd.requests, httpd.changes = {}, [], {}
        httpd.heads, httpd.places, httpd.repos = {}, {}, {}
        httpd.address = f'http://127.0.0.1:{httpd.server_port}'
        # another host, as the contents of the hub are on
        httpd.content_address = f'http://localhost:{httpd.server_port}/cdn'
        monkeypatch.setenv('no_proxy', '*')
        monkeypatch.setenv('HF_ENDPOINT', httpd.address)
        monkeypatch.setenv('HF_HUB_DISABLE_XET', '1')  # its storage has no local server
        monkeypatch.delenv('HF_TOKEN', raising=False)
        monkeypatch.setenv('HF_HOME', str(folder / 'hf_home'))  # of processes that start
        monkeypatch.setattr(torch.hub, '_hub_dir', str(folder / 'hub'))
        try:
            from huggingface_hub import constants
        except ImportError:
            pass
        else:
            monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(folder / 'hf'))
            monkeypatch.setattr(constants, 'HF_HUB_DISABLE_XET', True, raising=False)
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield httpd
        httpd.shutdown()
