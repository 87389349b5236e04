"""Encoding with PyAV: pictures as H.264 at their times, and the sound of their source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.video.reader import AvReader, CvReader, find_av

# Encoders in the order of preference, with options for about the size of a phone's own videos.
ENCODERS = {
    'libx264': {'preset': 'veryfast', 'crf': '20'},
    'libopenh264': {},
    'libvpx-vp9': {'deadline': 'realtime', 'cpu-used': '8', 'crf': '24', 'row-mt': '1'},
    'libvpx': {'deadline': 'realtime', 'cpu-used': '8', 'crf': '10'},
}
NOT_WHOLE = "the sound of '{}' is not whole: {}"
# Sounds that browsers play in a file, which are copied, and the encoder of all others.
SOUNDS = {
    '.webm': (('opus', 'vorbis'), 'libopus'),
    '.mp4': (('aac', 'mp3', 'opus', 'flac'), 'aac'),
    '.mkv': (('aac', 'mp3', 'opus', 'flac', 'vorbis'), 'aac'),
    '.mov': (('aac', 'mp3'), 'aac'),
    '.m4v': (('aac',), 'aac'),
}
SOUND_RATE = 48_000  # Hz; the only one that Opus takes
MAX_EARLY_S = 0.05  # encoders of sound start before the first picture by less
BILINEAR_EXACT = 0x2 | 0x40000  # swscale's SWS_BILINEAR and SWS_ACCURATE_RND
Image = NDArray[np.uint8]


class AvWriter:
    """A video by PyAV; ``problems`` gets what it lacks."""

    def __init__(
        self,
        path: Path,
        size_wh: tuple[int, int],
        rate: Fraction,
        tick: Fraction,
        source: AvReader | CvReader | None,
        problems: list[str],
    ) -> None:
        from av.video.reformatter import VideoReformatter

        self._step, self._tick = 1 / rate, tick
        suffix = path.suffix.lower()
        is_mp4 = suffix in ('.mp4', '.m4v', '.mov')
        options = {'movflags': 'faststart'} if is_mp4 else {}  # plays before it is there
        self._output = find_av().open(str(path), 'w', options=options)
        self._stream = self._encoder(path, size_wh, rate, problems)
        self._reformatter = VideoReformatter()
        self._start_s: float | None = None
        self._last = -1
        self._sound = CopiedSound(source, self._output, suffix, problems)
        self._output.start_encoding()

    def _encoder(
        self, path: Path, size_wh: tuple[int, int], rate: Fraction, problems: list[str]
    ) -> Any:
        av = find_av()
        is_webm = path.suffix.lower() == '.webm'
        names = [name for name in ENCODERS if 'vpx' in name or not is_webm]
        for name in names:
            with suppress(av.FFmpegError, ValueError):
                stream = self._output.add_stream(name, rate, options=dict(ENCODERS[name]))
                break
        else:
            raise OSError(f"'{path}' cannot be written: this PyAV has none of {', '.join(names)}")
        if name != names[0]:
            problems.append(f"'{path}' is {name}: this PyAV has no {names[0]}")
        stream.width, stream.height = (n + n % 2 for n in size_wh)
        stream.pix_fmt = 'yuv420p'
        context = stream.codec_context
        context.time_base = self._tick
        context.color_primaries = context.color_trc = context.colorspace = 1  # BT.709
        context.color_range = 1  # 16 to 235
        return stream

    def write(self, image_bgr: Image, time_s: float | None) -> None:
        """Encodes a picture, and copies the sound up to it."""
        from av.video.frame import VideoFrame

        bottom, right = (n % 2 for n in image_bgr.shape[:2])
        if bottom or right:
            border = cv2.BORDER_REPLICATE
            image_bgr = cv2.copyMakeBorder(image_bgr, 0, bottom, 0, right, border)
        frame = self._reformatter.reformat(
            VideoFrame.from_ndarray(image_bgr, 'bgr24'),
            format='yuv420p',
            dst_colorspace=1,
            dst_color_range=1,
            interpolation=BILINEAR_EXACT,
        )
        if time_s is None:
            tick = self._last + max(1, round(self._step / self._tick))
        else:
            self._start_s = time_s if self._start_s is None else self._start_s
            tick = max(self._last + 1, round((time_s - self._start_s) / self._tick))
        self._last = tick if self._last >= 0 else 0
        frame.pts, frame.time_base = self._last, self._tick
        self._output.mux(self._stream.encode(frame))
        self._sound.write_until(float(self._last * self._tick))

    def close(self, is_whole: bool) -> None:
        """Completes the file, with the sound up to its end, or all of it."""
        self._output.mux(self._stream.encode(None))
        end_s = float(self._last * self._tick + self._step)
        self._sound.write_until(float('inf') if is_whole else end_s)
        self._output.close()


class CopiedSound:
    """The sound of a video, copied as it is where the file takes it, else encoded as AAC or Opus.

    The sound of a file is its first; more than two channels become two where it is encoded.
    """

    def __init__(
        self, source: AvReader | CvReader | None, output: Any, suffix: str, problems: list[str]
    ) -> None:
        av = find_av()
        self._broken = av.FFmpegError, ValueError
        self._output, self._problems = output, problems
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._next: tuple[float, Any] | None = None
        if not isinstance(source, AvReader):
            return
        self._path, self._start_s = source.path, source.start_s
        self._input = av.open(source.path, metadata_errors='replace')
        stream = self._input.streams.best('audio')
        if stream is None:
            return
        copied, encoder = SOUNDS[suffix]
        if stream.codec_context.codec.canonical_name in copied:
            self._stream = output.add_stream_from_template(stream)
            self._packets = self._copied(stream)
        else:
            self._stream = output.add_stream(encoder, SOUND_RATE)
            self._stream.layout = 'mono' if stream.channels == 1 else 'stereo'
            self._packets = self._encoded(stream)

    def write_until(self, time_s: float) -> None:
        """Writes what is heard before a time, seconds since the first picture."""
        try:
            while self._next is None or self._next[0] < time_s:
                if self._next is not None:
                    self._output.mux(self._next[1])
                self._next = next(self._packets, (float('inf'), None))
        except self._broken as error:
            self._next = float('inf'), None
            self._note(error)

    def _copied(self, stream: Any) -> Iterator[tuple[float, Any]]:
        delay = round(self._start_s / stream.time_base)
        for packet in self._input.demux(stream):
            if packet.dts is not None and packet.size:
                packet.dts -= delay
                packet.pts = packet.dts if packet.pts is None else packet.pts - delay
                time_s = float(packet.pts * stream.time_base)
                packet.stream = self._stream
                if time_s > -MAX_EARLY_S:
                    yield time_s, packet

    def _encoded(self, stream: Any) -> Iterator[tuple[float, Any]]:
        context = self._stream.codec_context
        context.open(strict=False)
        resampler = find_av().AudioResampler(
            context.format, context.layout, SOUND_RATE, context.frame_size
        )
        for frame in chain(self._decoded(stream), [None]):
            for piece in resampler.resample(frame):
                piece.pts -= round(self._start_s / piece.time_base)
                if piece.time > -MAX_EARLY_S:
                    yield from self._timed(self._stream.encode(piece))
        yield from self._timed(self._stream.encode(None))

    @staticmethod
    def _timed(packets: list[Any]) -> Iterator[tuple[float, Any]]:
        return ((float(packet.pts * packet.time_base), packet) for packet in packets)

    def _decoded(self, stream: Any) -> Iterator[Any]:
        errors = []
        for packet in self._input.demux(stream):
            try:
                yield from (frame for frame in packet.decode() if frame.pts is not None)
            except self._broken as error:
                errors.append(error)
        if errors:
            self._note(errors[0])

    def _note(self, error: Exception) -> None:
        self._problems.append(NOT_WHOLE.format(self._path, error))
