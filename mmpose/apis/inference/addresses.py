"""Addresses of inputs: the picture or video file that ends, or the stream that goes on."""

from __future__ import annotations

import base64
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, url2pathname, urlopen

from mmpose.apis.inference.images import RemoteImage
from mmpose.apis.inference.videos import CameraSource, VideoSource, without_password
from mmpose.datasets.transforms.loading import BadImageError
from mmpose.structures.media_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES

TIMEOUT_S = 10
MAX_IMAGE_BYTES = 512 * 2**20
PLAYLISTS = ('.m3u8', '.mpd')  # which may grow
PLAYLIST_TYPES = ('mpegurl', 'dash+xml')


def local_path(text: str) -> str:
    """Returns the path of a ``file:`` address, and anything else as it is."""
    if not text.lower().startswith('file:'):
        return text
    parts = urlsplit(text)
    host = '' if parts.netloc.lower() in ('', 'localhost') else f'//{parts.netloc}'
    return host + url2pathname(parts.path)


def open_address(address: str) -> RemoteImage | VideoSource | CameraSource:
    """Returns what an address stands for: an image, a video that ends, or a stream.

    A server of HTTP says what it sends: a picture, or so many bytes of something else, which is a
    file and ends. What has no length, playlists and other protocols are streams, unless the
    decoder counts their frames.

    Raises:
        BadImageError: If it is an image that cannot be fetched.
        ConnectionError: If it cannot be opened.
    """
    parts = urlsplit(address)
    suffix = Path(unquote(parts.path)).suffix.lower()
    if parts.scheme.lower() not in ('http', 'https') or suffix in PLAYLISTS:
        return _open_by_count(address)
    try:
        response = urlopen(_request(address), timeout=TIMEOUT_S)
    except (OSError, HTTPException, ValueError) as error:
        if suffix in IMAGE_SUFFIXES:
            raise BadImageError(f'{without_password(address)} cannot be read: {error}') from error
        return _open_by_count(address)  # which knows more ways to log in
    with closing(response):
        kind = response.headers.get_content_type()
        is_video = kind.startswith('video/') or suffix in VIDEO_SUFFIXES
        is_image = kind.startswith('image/') and kind != 'image/gif'
        if is_image or (suffix in IMAGE_SUFFIXES and not is_video and 'multipart' not in kind):
            return _read_image(response, address)
        is_playlist = any(word in kind for word in PLAYLIST_TYPES)
        is_file = response.headers.get('Content-Length') is not None and not is_playlist
    return VideoSource(address) if is_file else _open_by_count(address)


def _open_by_count(address: str) -> VideoSource | CameraSource:
    camera = CameraSource(address)
    if not camera.is_file:
        return camera
    camera.close()
    return VideoSource(address)


def _request(address: str) -> Request:
    parts = urlsplit(address)
    host = parts.netloc.rpartition('@')[2]
    request = Request(urlunsplit(parts._replace(netloc=host)), headers={'User-Agent': 'mmpose'})
    if parts.username is not None:
        words = f'{unquote(parts.username)}:{unquote(parts.password or "")}'
        encoded = base64.b64encode(words.encode()).decode()
        request.add_unredirected_header('Authorization', f'Basic {encoded}')
    return request


def _read_image(response: Any, address: str) -> RemoteImage:
    name = without_password(address)
    data = b''
    with suppress(HTTPException):  # the connection ended early: what came is damaged
        data = response.read(MAX_IMAGE_BYTES + 1)
    if len(data) > MAX_IMAGE_BYTES:
        raise BadImageError(f'{name} is an image of more than {MAX_IMAGE_BYTES >> 20} MiB')
    image = RemoteImage(data)
    image.address = name
    return image
