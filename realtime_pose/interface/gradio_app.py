"""Gradio app: ``python realtime_pose/interface/gradio_app.py``, http://localhost:7860.

``VITPOSE_CONFIG``, ``VITPOSE_CHECKPOINT`` and ``VITPOSE_DEVICE`` choose the model, by default
``vitpose-b`` where it is here or can be downloaded, or that of ``tools/quickstart.sh``.
``VITPOSE_HOST`` is the address to listen on, by default this machine only, and ``VITPOSE_PORT`` the
port. The page answers to ``localhost`` and to that address, and to the names of
``VITPOSE_ALLOWED_HOSTS``, a list with commas.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.apis.cli import one_sentence, run_tool
from mmpose.apis.inference import DrawOptions, FrameResult
from mmpose.apis.inference.videos import VideoSource
from mmpose.detectors import build_detector
from mmpose.structures import Frame
from mmpose.video import VideoFile
from mmpose.video.reader import find_av
from realtime_pose.communication.strict_json import to_plain
from realtime_pose.inference.model_choice import ModelChoice, default_model
from realtime_pose.inference.vitpose_inference import ViTPoseEstimator
from realtime_pose.interface.browser_camera import MAX_PIXELS, decode_picture
from realtime_pose.interface.host_check import LOCAL_HOSTS, HostCheck
from realtime_pose.interface.picture_note import with_note
from realtime_pose.one_line_log import without_tracebacks

if TYPE_CHECKING:
    from gradio import Blocks

DEFAULT_HOST, DEFAULT_PORT = '127.0.0.1', 7860
MAX_FILE_SIZE = '20mb'
MAX_VIDEO_FRAMES = 900
MAX_FRAME_PIXELS = 3840 * 2160
MAX_VIDEO_PIXELS = MAX_VIDEO_FRAMES * 1920 * 1080  # all frames together; of larger ones, fewer
DELETE_AFTER_S = 600  # uploaded and generated files; checked every minute
CAMERA_EVERY_S = 0.2
HEIGHT = 420  # px, so that the JSON below is visible
BUTTONS = ['fullscreen', 'download']  # not Share, which uploads the picture to a public host
OVERLAY_NAMES = 'overlay.webm', 'overlay.mp4'  # that browsers play: without PyAV, and with it
NO_INPUT = 'this is no picture or video that can be read; take a JPEG, PNG or MP4'


Work = Callable[[Any, float], tuple[Any, dict[str, Any]]]


@lru_cache(maxsize=1)
def load_estimator() -> tuple[ViTPoseEstimator, ModelChoice]:
    """Returns the model, cached for all visitors."""
    choice = default_model()
    print(f'model {choice.name}', flush=True)  # with the size of a download, before it
    device = os.environ.get('VITPOSE_DEVICE') or None
    return ViTPoseEstimator(choice.config, choice.checkpoint, device), choice


def estimate_poses(image_bgr: NDArray[np.uint8], index: int = 0) -> FrameResult:
    """Returns the poses of the people in a picture (H, W, 3)."""
    estimator, _ = load_estimator()
    frame = Frame(index, image_bgr, '')
    boxes = build_detector(os.environ.get('VITPOSE_DETECTOR') or 'whole-image')([frame])
    return FrameResult(frame, estimator.predictor([frame], boxes)[0], estimator.dataset_meta)


def drawn_with_note(result: FrameResult, min_score: float) -> NDArray[np.uint8]:
    """Returns the picture with its poses, and what it has to say of the model."""
    _, choice = load_estimator()
    return with_note(result.draw(DrawOptions(min_score, show_boxes=True)), choice.picture_note)


def process_frame(
    image_rgb: NDArray[np.uint8] | None, min_score: float = 0.3
) -> tuple[NDArray[np.uint8] | None, dict[str, Any]]:
    """Returns a picture (H, W, 3) RGB with the poses drawn on it, and the poses.

    Raises:
        ValueError: If it has more than 40 million pixels.
    """
    if image_rgb is None:
        return None, {'people': []}
    if image_rgb.shape[0] * image_rgb.shape[1] > MAX_PIXELS:
        raise ValueError(f'the picture is {image_rgb.shape}, at most {MAX_PIXELS} px are taken')
    result = estimate_poses(np.ascontiguousarray(image_rgb[..., ::-1]))
    drawn = drawn_with_note(result, min_score)
    return np.ascontiguousarray(drawn[..., ::-1]), people_of(result)


def process_picture(
    path: str | None, min_score: float = 0.3
) -> tuple[NDArray[np.uint8] | None, dict[str, Any]]:
    """Returns the picture of a file with the poses drawn on it, and the poses.

    Raises:
        ValueError: If it is no picture, or larger than 20 MB or 40 million pixels.
    """
    if path is None:
        return None, {'people': []}
    image_bgr = decode_picture(Path(path).read_bytes())
    return process_frame(np.ascontiguousarray(image_bgr[..., ::-1]), min_score)


def people_of(result: FrameResult) -> dict[str, Any]:
    """Returns the poses of a frame as JSON values."""
    people = [
        {
            'keypoints': np.round(pose.keypoints, 2),
            'scores': np.round(pose.keypoint_scores, 4),
            'bbox': np.round(pose.bbox_xywh, 2),
        }
        for pose in result.poses
    ]
    plain: dict[str, Any] = to_plain(
        {'skeleton': result.dataset_meta.name, 'size': result.frame.image_wh, 'people': people}
    )
    return plain


def process_video(path: str | None, min_score: float = 0.3) -> tuple[str | None, dict[str, Any]]:
    """Returns a video with the poses drawn on it, and the poses of its frames.

    Raises:
        ValueError: If it is no video, or has frames larger than those of 4K.
    """
    if path is None:
        return None, {'frames': []}
    source = VideoSource(path)
    most = _max_frames(path)
    name = OVERLAY_NAMES[find_av() is not None]
    video = VideoFile(_temporary_folder() / name, source.fps, source.reader)
    frames = []
    try:
        for frame, _ in islice(iter(source), most):
            if frame.image_bgr.size > 3 * MAX_FRAME_PIXELS:
                raise ValueError(f'frame {frame.index} of the video is too large')
            result = estimate_poses(frame.image_bgr, frame.index)
            video.add(drawn_with_note(result, min_score), frame.time_s)
            frames.append({'index': frame.index, **people_of(result)})
    except BaseException:
        video.close()
        shutil.rmtree(video.path.parent, ignore_errors=True)
        raise
    video.close()
    poses: dict[str, Any] = {'fps': source.fps, 'frames': frames}
    if (source.num_frames or 0) > most:
        poses['note'] = f'only the first {most} of {source.num_frames} frames are here'
    return str(video.path), poses


def _max_frames(path: str) -> int:
    """Returns how many frames of a video are looked at.

    Raises:
        ValueError: If one frame is larger than those of 4K.
    """
    capture = cv2.VideoCapture(path)
    width, height = (
        int(capture.get(x)) for x in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    capture.release()
    if width * height > MAX_FRAME_PIXELS:
        raise ValueError(
            f'the video has frames of {width}x{height} px, at most {MAX_FRAME_PIXELS} px are taken'
        )
    return min(MAX_VIDEO_FRAMES, MAX_VIDEO_PIXELS // max(1, width * height))


def _temporary_folder() -> Path:
    """Returns a new folder among the files that Gradio deletes after ``DELETE_AFTER_S``."""
    from gradio.utils import get_upload_folder

    cache = get_upload_folder()
    os.makedirs(cache, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=cache))


def with_readable_errors(work: Work) -> Work:
    """Wraps a function so that its errors and notes are shown on the page in one sentence."""
    import gradio as gr

    def guarded(given: Any, min_score: float) -> tuple[Any, dict[str, Any]]:
        try:
            drawn, poses = work(given, min_score)
        except (ValueError, TypeError, OSError, cv2.error) as error:
            reason = one_sentence(error)
            if isinstance(given, str):  # folders of the server are not disclosed
                reason = reason.replace(given, Path(given).name)
            raise gr.Error(reason, duration=None, print_exception=False) from None
        if 'note' in poses:
            gr.Warning(poses['note'], duration=None)
        return drawn, poses

    return guarded


def with_input_check(app: Blocks) -> Blocks:
    """Makes a page refuse in one sentence, without a traceback, what is no input; returns it."""
    import gradio as gr

    read = app.preprocess_data

    async def preprocess_data(*args: Any, **options: Any) -> Any:
        try:
            return await read(*args, **options)
        except Exception:  # anything that Pillow, pydantic and Gradio raise
            raise gr.Error(NO_INPUT, duration=None, print_exception=False) from None

    app.preprocess_data = preprocess_data
    return app


def build_app() -> Blocks:
    """Returns the page.

    Raises:
        ImportError: If the package ``gradio`` is missing.
    """
    try:
        import gradio as gr
    except ImportError:
        raise ImportError(
            'the page needs the package gradio: pip install -r requirements/app.txt'
        ) from None

    _, choice = load_estimator()

    with gr.Blocks(title='ViTPose', delete_cache=(60, DELETE_AFTER_S)) as app:
        gr.Markdown(f'# ViTPose\nModel: {choice.name}')
        if choice.warning:
            gr.Markdown(f'# {choice.warning}')
        score = gr.Slider(0, 1, 0.3, label='Show joints above / Mostrar por encima de')
        with gr.Tab('Image / Imagen'), gr.Row():
            image = gr.Image(
                sources=['upload', 'clipboard'],
                type='filepath',
                label='Image',
                height=HEIGHT,
                buttons=BUTTONS,
            )
            with gr.Column():
                drawn = gr.Image(label='Poses', interactive=False, height=HEIGHT, buttons=BUTTONS)
                poses = gr.JSON(label='JSON')
            image.change(
                with_readable_errors(process_picture),
                [image, score],
                [drawn, poses],
                api_name='image',
            )
        with gr.Tab('Video / Vídeo'), gr.Row():
            video = gr.Video(
                sources=['upload'], label=f'At most {MAX_VIDEO_FRAMES} frames', buttons=BUTTONS[1:]
            )
            with gr.Column():
                overlay = gr.Video(
                    label='Poses', interactive=False, height=HEIGHT, buttons=BUTTONS[1:]
                )
                video_poses = gr.JSON(label='JSON')
            video.upload(
                with_readable_errors(process_video),
                [video, score],
                [overlay, video_poses],
                api_name='video',
            )
        with gr.Tab('Camera / Cámara'), gr.Row():
            camera = gr.Image(
                sources=['webcam'], streaming=True, type='numpy', label='Browser', buttons=BUTTONS
            )
            with gr.Column():
                live = gr.Image(label='Poses', interactive=False, height=HEIGHT, buttons=BUTTONS)
                live_poses = gr.JSON(label='JSON')
            camera.stream(
                with_readable_errors(process_frame),
                [camera, score],
                [live, live_poses],
                stream_every=CAMERA_EVERY_S,
                concurrency_limit=1,
                api_name='camera',
            )
    return with_input_check(app)


def allowed_hosts() -> tuple[str, ...]:
    """Returns the names by which the page may be called: of this machine, and the operator's."""
    named = os.environ.get('VITPOSE_ALLOWED_HOSTS', '').split(',')
    own = os.environ.get('VITPOSE_HOST', '')
    return (*LOCAL_HOSTS, *(host.strip() for host in (own, *named) if host.strip()))


def main() -> None:
    """Serves the page until it is interrupted; nothing of its visitors is left then."""
    about, _, details = (__doc__ or '').partition('\n\n')
    argparse.ArgumentParser(description=about, epilog=details).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
    with tempfile.TemporaryDirectory(prefix='vitpose_page_') as folder:
        os.environ['GRADIO_TEMP_DIR'] = folder
        serve()


def serve() -> None:
    """Serves the page until it is interrupted."""
    from starlette.middleware import Middleware

    without_tracebacks('uvicorn.error')
    app = build_app()
    app.queue(max_size=16, default_concurrency_limit=1)
    app.launch(
        server_name=os.environ.get('VITPOSE_HOST', DEFAULT_HOST),
        server_port=int(os.environ.get('VITPOSE_PORT', DEFAULT_PORT)),
        max_file_size=MAX_FILE_SIZE,
        share=False,
        enable_monitoring=False,
        app_kwargs={'middleware': [Middleware(HostCheck, hosts=allowed_hosts())]},
    )


if __name__ == '__main__':
    run_tool(main)
