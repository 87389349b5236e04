"""Gradio app: ``python realtime_pose/interface/gradio_app.py``, http://localhost:7860.

``VITPOSE_CONFIG``, ``VITPOSE_CHECKPOINT`` and ``VITPOSE_DEVICE`` choose the model, by default that
of ``tools/quickstart.sh``, or random weights. ``VITPOSE_HOST`` is the address to listen on, by
default this machine only, and ``VITPOSE_PORT`` the port.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpose.apis.cli import one_sentence, run_tool
from mmpose.apis.inference import DrawOptions, FrameResult
from mmpose.apis.inference.pictures import VideoFile
from mmpose.apis.inference.videos import VideoSource
from mmpose.detectors import build_detector
from mmpose.structures import Frame
from realtime_pose.communication.strict_json import to_plain
from realtime_pose.inference.model_choice import ModelChoice, default_model
from realtime_pose.inference.vitpose_inference import ViTPoseEstimator
from realtime_pose.interface.browser_camera import MAX_PIXELS, decode_picture

if TYPE_CHECKING:
    from gradio import Blocks

DEFAULT_HOST, DEFAULT_PORT = '127.0.0.1', 7860
MAX_FILE_SIZE = '20mb'
MAX_VIDEO_FRAMES = 900
DELETE_AFTER_S = 600  # uploaded and generated files; checked every minute
CAMERA_EVERY_S = 0.2
HEIGHT = 420  # px, so that the JSON below is visible
OVERLAY_NAME = 'overlay.webm'  # browsers play no MPEG-4 part 2, which OpenCV writes into .mp4
NO_PICTURE = 'this is no picture that can be read; take a JPEG or PNG'


Work = Callable[[Any, float], tuple[Any, dict[str, Any]]]


@lru_cache(maxsize=1)
def load_estimator() -> tuple[ViTPoseEstimator, ModelChoice]:
    """Returns the model, cached for all visitors."""
    choice = default_model()
    device = os.environ.get('VITPOSE_DEVICE') or None
    return ViTPoseEstimator(choice.config, choice.checkpoint, device), choice


def estimate_poses(image_bgr: NDArray[np.uint8], index: int = 0) -> FrameResult:
    """Returns the poses of the people in a picture (H, W, 3)."""
    estimator, _ = load_estimator()
    frame = Frame(index, image_bgr, '')
    boxes = build_detector(os.environ.get('VITPOSE_DETECTOR') or 'whole-image')([frame])
    return FrameResult(frame, estimator.predictor([frame], boxes)[0], estimator.dataset_meta)


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
    drawn = result.draw(DrawOptions(min_score, show_boxes=True))
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
        ValueError: If it is no video.
    """
    if path is None:
        return None, {'frames': []}
    source = VideoSource(path)
    folder = Path(tempfile.mkdtemp(prefix='vitpose_'))
    video = VideoFile(folder / OVERLAY_NAME, source.fps)
    frames = []
    try:
        for frame, _ in islice(iter(source), MAX_VIDEO_FRAMES):
            result = estimate_poses(frame.image_bgr, frame.index)
            video.add(result.draw(DrawOptions(min_score, show_boxes=True)))
            frames.append({'index': frame.index, **people_of(result)})
    finally:
        video.close()
    poses: dict[str, Any] = {'fps': source.fps, 'frames': frames}
    if (source.num_frames or 0) > MAX_VIDEO_FRAMES:
        poses['note'] = f'only the first {MAX_VIDEO_FRAMES} of {source.num_frames} frames are here'
    return str(video.path), poses


def with_readable_errors(work: Work) -> Work:
    """Wraps a function so that its errors and notes are shown on the page in one sentence."""
    import gradio as gr

    def guarded(given: Any, min_score: float) -> tuple[Any, dict[str, Any]]:
        try:
            drawn, poses = work(given, min_score)
        except (ValueError, OSError) as error:
            reason = one_sentence(error)
            if isinstance(given, str):  # folders of the server are not disclosed
                reason = reason.replace(given, Path(given).name)
            raise gr.Error(reason, duration=None, print_exception=False) from None
        if 'note' in poses:
            gr.Warning(poses['note'], duration=None)
        return drawn, poses

    return guarded


def with_picture_check(component: Any) -> Any:
    """Makes a component report unreadable files in one sentence; returns it."""
    import gradio as gr

    read = component.preprocess

    def preprocess(payload: Any) -> Any:
        try:
            return read(payload)
        except Exception:  # anything that Pillow raises; the page would show nothing
            raise gr.Error(NO_PICTURE, duration=None, print_exception=False) from None

    component.preprocess = preprocess  # a subclass makes Gradio write a .pyi beside this file
    return component


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
            image = with_picture_check(
                gr.Image(
                    sources=['upload', 'clipboard'], type='filepath', label='Image', height=HEIGHT
                )
            )
            with gr.Column():
                drawn = gr.Image(label='Poses', interactive=False, height=HEIGHT)
                poses = gr.JSON(label='JSON')
            image.change(
                with_readable_errors(process_picture),
                [image, score],
                [drawn, poses],
                api_name='image',
            )
        with gr.Tab('Video / Vídeo'), gr.Row():
            video = gr.Video(sources=['upload'], label=f'At most {MAX_VIDEO_FRAMES} frames')
            with gr.Column():
                overlay = gr.Video(label='Poses', interactive=False, height=HEIGHT)
                video_poses = gr.JSON(label='JSON')
            video.upload(
                with_readable_errors(process_video),
                [video, score],
                [overlay, video_poses],
                api_name='video',
            )
        with gr.Tab('Camera / Cámara'), gr.Row():
            camera = gr.Image(sources=['webcam'], streaming=True, type='numpy', label='Browser')
            with gr.Column():
                live = gr.Image(label='Poses', interactive=False, height=HEIGHT)
                live_poses = gr.JSON(label='JSON')
            camera.stream(
                with_readable_errors(process_frame),
                [camera, score],
                [live, live_poses],
                stream_every=CAMERA_EVERY_S,
                concurrency_limit=1,
                api_name='camera',
            )
    return app


def main() -> None:
    """Serves the page until it is interrupted."""
    app = build_app()
    app.queue(max_size=16, default_concurrency_limit=1)
    app.launch(
        server_name=os.environ.get('VITPOSE_HOST', DEFAULT_HOST),
        server_port=int(os.environ.get('VITPOSE_PORT', DEFAULT_PORT)),
        max_file_size=MAX_FILE_SIZE,
        share=False,
        enable_monitoring=False,
    )


if __name__ == '__main__':
    os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
    run_tool(main)
