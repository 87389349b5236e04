"""Video files made by PyAV for the tests: known pictures, times, turns and sounds."""

from fractions import Fraction

import av
import numpy as np

from mmpose.video.encoder import BILINEAR_EXACT

SIZE_WH = 64, 48
DARKEST, STEP = 18, 4  # grey levels, which codecs move by one
QUIET = {'libx264': {'crf': '1', 'preset': 'ultrafast'}}


def picture(number, size_wh=SIZE_WH):
    """Returns a picture whose corners tell where up is and whose grey level tells its number."""
    image = np.full((size_wh[1], size_wh[0], 3), DARKEST + STEP * number, np.uint8)
    image[: size_wh[1] // 4, : size_wh[0] // 4] = 255  # top left
    return image


def numbers(images):
    """Returns the numbers that pictures carry."""
    return [round((float(image[30:40, 30:50].mean()) - DARKEST + 0.5) / STEP) for image in images]


def write_clip(
    path, times_ms=range(0, 400, 40), turn=0, sound=None, codec='libx264', pix_fmt='yuv420p',
    size_wh=SIZE_WH, late_s=0.0, rate=25, sound_s=None, options=None, context=(), draw=picture,
):  # fmt: skip
    """Writes a video with a picture at each time.

    Args:
        turn: Degrees by which players are told to turn it, counterclockwise.
        sound: Encoder of a tone of 440 Hz; None for none.
        late_s: Time of the first picture in the file, where the sound begins at 0.
        draw: Gives the picture of a number and a size.
        sound_s: How long it sounds; by default as long as there are pictures.
    """
    with av.open(str(path), 'w') as output:
        stream = output.add_stream(codec, rate, options=options or QUIET.get(codec, {}))
        stream.width, stream.height, stream.pix_fmt = *size_wh, pix_fmt
        for name, value in dict(context).items():
            setattr(stream.codec_context, name, value)
        is_even = path.suffix in ('.avi', '.ts')
        if not is_even:
            stream.codec_context.time_base = Fraction(1, 1000)
        if turn:
            stream.set_display_rotation(turn)
        heard = output.add_stream(sound, 48_000) if sound else None
        if heard is not None:
            heard.layout = 'mono'
        for number, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(draw(number, size_wh), 'bgr24')
            frame = frame.reformat(format=pix_fmt, interpolation=BILINEAR_EXACT)
            frame.pts = number if is_even else time_ms + round(1000 * late_s)
            frame.time_base = Fraction(1, rate if is_even else 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if heard is not None:
            length_s = sound_s or max(times_ms) / 1000 + 1 / rate + late_s
            write_tone(output, heard, length_s)
    return path


def write_tone(output, stream, seconds):
    """Encodes a tone of 440 Hz."""
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(48_000 * seconds)) / 48_000)
    context = stream.codec_context
    context.open(strict=False)
    resampler = av.AudioResampler(context.format, 'mono', 48_000, context.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), 'flt', 'mono')
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        output.mux(stream.encode(piece))
    output.mux(stream.encode(None))


def look_at(path):
    """Returns of a file: codecs by type, times of the pictures and of the ends of the sound, s."""
    with av.open(str(path)) as container:
        codecs = {x.type: x.codec_context.codec.canonical_name for x in container.streams}
        times = sorted(
            float(packet.pts * packet.time_base)
            for packet in container.demux(container.streams.video[0])
            if packet.size and not packet.is_discard
        )
    if 'audio' not in codecs:
        return codecs, times, None
    with av.open(str(path)) as container:
        heard = [(frame.time, frame.samples / frame.rate) for frame in container.decode(audio=0)]
    return codecs, times, (heard[0][0], sum(heard[-1]))


def loudness(path):
    """Returns the dominant frequency of the sound, Hz, and its amplitude."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler('flt', 'mono', 48_000)
        pieces = [y for x in container.decode(audio=0) for y in resampler.resample(x)]
    wave = np.concatenate([piece.to_ndarray().ravel() for piece in pieces])
    wave = wave[len(wave) // 4 : 3 * len(wave) // 4]
    spectrum = np.abs(np.fft.rfft(wave))
    return spectrum.argmax() * 48_000 / len(wave), wave.max()
