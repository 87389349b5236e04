"""Downloads go on where they stopped, and what came is what the server has."""

import hashlib
import http.server
import json
import threading

import pytest
import torch

from mmpose.checkpoints.download import download_once
from mmpose.checkpoints.io import read_checkpoint

DATA = bytes(range(256)) * 64


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; knows ranges; sends only ``server.cut`` bytes where that is set."""

    def do_GET(self):
        content = self.server.files.get(self.path.partition('?')[0])
        wanted = self.headers.get('Range')
        self.server.requests.append((self.path, wanted))
        if content is None:
            return self.send_error(404, 'no such file')
        start = int(wanted[len('bytes=') : -1]) if wanted and self.server.knows_ranges else 0
        if start >= len(content) > 0:
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(content) - start))
        if self.server.digest:
            self.send_header('X-Linked-ETag', f'"{self.server.digest}"')
        self.end_headers()
        self.wfile.write(content[start : self.server.cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        httpd.files, httpd.requests = {'/w.bin': DATA}, []
        httpd.cut, httpd.digest, httpd.knows_ranges = None, '', True
        httpd.address = f'http://127.0.0.1:{httpd.server_port}'
        monkeypatch.setenv('no_proxy', '*')
        monkeypatch.setenv('HF_ENDPOINT', httpd.address)
        monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield httpd
        httpd.shutdown()


def content_of(path):
    with open(path, 'rb') as file:
        return file.read()


@pytest.mark.parametrize('knows_ranges', [True, False])
def test_goes_on_where_it_stopped(server, knows_ranges):
    server.cut, server.knows_ranges = 5000, knows_ranges
    with pytest.raises(ValueError, match=f'cannot be downloaded: 5000 of {len(DATA)} bytes came'):
        download_once(f'{server.address}/w.bin')
    server.cut = None
    path = download_once(f'{server.address}/w.bin')
    assert content_of(path) == DATA
    assert server.requests[-1][1] == 'bytes=5000-'
    digest = hashlib.sha256(DATA).hexdigest()
    assert content_of(path + '.sha256').decode().split()[0] == digest
    before = len(server.requests)
    assert download_once(f'{server.address}/w.bin') == path
    assert len(server.requests) == before


def test_the_rest_of_another_file_starts_again(server):
    server.files['/w.bin'], server.cut = DATA, 9000
    with pytest.raises(ValueError, match='9000 of'):
        download_once(f'{server.address}/w.bin')
    server.files['/w.bin'], server.cut = DATA[:100], None
    assert content_of(download_once(f'{server.address}/w.bin')) == DATA[:100]


def test_wrong_content_is_refused(server):
    server.digest = 'a' * 64
    with pytest.raises(ValueError, match=r'its SHA-256 is .* but the server announced aaa'):
        download_once(f'{server.address}/w.bin')
    server.digest = hashlib.sha256(DATA).hexdigest()
    assert content_of(download_once(f'{server.address}/w.bin')) == DATA
    assert server.requests[-1][1] is None  # nothing of the wrong one was kept


@pytest.mark.parametrize(
    ('address', 'reason'), [('{}/nothing.pth', '404'), ('http://127.0.0.1:1/a.pth', 'refused')]
)
def test_failures_name_the_address_and_the_reason(server, address, reason):
    with pytest.raises(ValueError, match=rf"'.*pth' cannot be downloaded: .*{reason}"):
        download_once(address.format(server.address))


def test_a_model_of_the_hub_is_a_folder(server, tmp_path):
    pytest.importorskip('safetensors')
    from safetensors.torch import save

    weights = {'backbone.x': torch.arange(3.0)}
    server.files['/some-org/tiny/resolve/main/config.json'] = json.dumps({'a': 1}).encode()
    server.files['/some-org/tiny/resolve/main/model.safetensors'] = save(weights)
    for _ in range(2):
        content = read_checkpoint('hf://some-org/tiny')
    assert content['huggingface_config'] == {'a': 1}
    assert content['state_dict']['backbone.x'].tolist() == [0, 1, 2]
    assert len(server.requests) == 2
