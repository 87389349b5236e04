"""Downloads: one file, whole, and what the server announced; anything else is refused."""

import json
import sys

import pytest
import torch

from mmpose.checkpoints import download
from mmpose.checkpoints.download import download_once
from mmpose.checkpoints.io import read_checkpoint
from tests.checkpoints.hub_server import serve

DATA = bytes(range(256)) * 64
OTHER = DATA[::-1]


@pytest.fixture
def server(tmp_path, monkeypatch):
    with serve(tmp_path, monkeypatch) as httpd:
        httpd.files['/w.bin'] = DATA
        yield httpd


@pytest.fixture
def hub(server):
    """The server with a model in safetensors."""
    pytest.importorskip('huggingface_hub', reason='huggingface_hub is not installed')
    pytest.importorskip('safetensors', reason='safetensors is not installed')
    from safetensors.torch import save

    server.files['/some-org/tiny/config.json'] = json.dumps({'a': 1}).encode()
    server.files['/some-org/tiny/model.safetensors'] = save({'backbone.x': torch.arange(3.0)})
    return server


def content_of(path):
    with open(path, 'rb') as file:
        return file.read()


def cached_files(folder):
    return [path for path in folder.rglob('*') if path.is_file()]


def test_downloads_once(server):
    path = download_once(f'{server.address}/w.bin?download=1')
    assert content_of(path) == DATA
    assert download_once(f'{server.address}/w.bin?download=1') == path
    assert server.requests == [('GET', '/w.bin', None)]


@pytest.mark.parametrize('other', [DATA, OTHER, OTHER[:100]], ids=['same', 'other', 'shorter'])
def test_after_an_interruption_the_whole_new_file_comes(server, other):
    """Nothing of a transfer that broke off is kept, so that nothing is mixed."""
    server.changes['cut'] = 5000
    with pytest.raises(ValueError, match=f'cannot be downloaded: 5000 of {len(DATA)} bytes came'):
        download_once(f'{server.address}/w.bin')
    server.files['/w.bin'], server.changes = other, {}
    assert content_of(download_once(f'{server.address}/w.bin')) == other
    assert all(wanted is None for _, _, wanted in server.requests)


BAD_ANSWERS = {
    'empty': (b'', 'the answer is empty'),
    'web page': (b'\n<!DOCTYPE html><html>log in', 'the answer is a web page'),
    'short web page': (b'<HTML>', 'the answer is a web page'),
    'Git LFS': (b'version https://git-lfs.github.com/spec/v1\n', 'the answer is a Git LFS pointer'),
    'too large': (
        DATA + b'!',
        f'it has more than {len(DATA)} bytes; download it and give its path',
    ),
}


@pytest.mark.parametrize(('answer', 'message'), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_answer_without_weights_is_not_kept(server, tmp_path, monkeypatch, answer, message):
    monkeypatch.setattr(download, 'MAX_BYTES', len(DATA))
    server.files['/w.bin'] = answer
    with pytest.raises(ValueError, match=f"w.bin' cannot be downloaded: {message}"):
        download_once(f'{server.address}/w.bin')
    assert cached_files(tmp_path) == []
    server.files['/w.bin'] = DATA
    assert content_of(download_once(f'{server.address}/w.bin')) == DATA


@pytest.mark.parametrize(
    ('address', 'reason'),
    [
        ('{}/nothing.pth', '404|Not Found'),
        ('http://127.0.0.1:1/a.pth', 'refused'),
        ('http://127.0.0.1:port/a.pth', 'port'),
        ('http:///a.pth', 'no host given'),
    ],
)
def test_failures_name_the_address_and_the_reason(server, address, reason):
    with pytest.raises(ValueError, match=rf"'.*pth' cannot be downloaded: .*({reason})"):
        download_once(address.format(server.address))


def test_an_answer_that_is_no_http_is_one_sentence(server):
    server.changes['status'] = 12345
    with pytest.raises(ValueError, match=r"w\.bin' cannot be downloaded: "):
        download_once(f'{server.address}/w.bin')


def test_a_model_of_the_hub_is_a_folder(hub):
    for _ in range(2):
        content = read_checkpoint('hf://some-org/tiny')
    assert content['huggingface_config'] == {'a': 1}
    assert content['state_dict']['backbone.x'].tolist() == [0, 1, 2]
    fetched = [path for method, path, _ in hub.requests if method == 'GET']
    assert fetched == ['/cdn/some-org/tiny/config.json', '/cdn/some-org/tiny/model.safetensors']


def test_a_file_of_the_hub_may_be_named_by_its_address(hub, monkeypatch):
    address = 'https://huggingface.co/some-org/tiny/resolve/main/model.safetensors?download=true'
    assert read_checkpoint(address)['backbone.x'].tolist() == [0, 1, 2]
    hub.requests.clear()
    monkeypatch.setenv('HF_ENDPOINT', 'http://127.0.0.1:1')
    assert read_checkpoint(address)['backbone.x'].tolist() == [0, 1, 2]
    assert hub.requests == []


def test_other_bytes_than_the_hub_announces_are_refused(hub):
    hub.changes['digest'] = 'a' * 64
    for _ in range(2):
        with pytest.raises(ValueError, match=r'the SHA-256 of config.json is .* announced aaa'):
            download_once('hf://some-org/tiny')
    hub.changes.clear()
    assert read_checkpoint('hf://some-org/tiny')['huggingface_config'] == {'a': 1}


@pytest.mark.parametrize('name', ['some-org/none', 'some-org/tiny/more/parts', ''])
def test_a_name_that_the_hub_does_not_have_is_one_sentence(hub, name):
    with pytest.raises(ValueError, match=f"^'hf://{name}' cannot be downloaded: .+") as info:
        download_once(f'hf://{name}')
    assert '\n' not in str(info.value)


def test_a_file_of_the_hub_that_is_too_large_is_refused(hub, monkeypatch):
    monkeypatch.setattr(download, 'MAX_BYTES', 20)
    with pytest.raises(ValueError, match=r'model\.safetensors has more than 20 bytes'):
        download_once('hf://some-org/tiny')


def test_missing_huggingface_hub_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ImportError, match=r"'hf://a/b' is on .*: pip install huggingface_hub"):
        download_once('hf://a/b')
