"""Headless live pipeline: ``python -m realtime_pose --source 0 --udp 127.0.0.1:5005``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2

from mmpose.apis.cli import run_tool
from mmpose.apis.inference.sources import Source
from realtime_pose.capture.named_source import SYNTHETIC
from realtime_pose.capture.synthetic_views import synthetic_views
from realtime_pose.capture.views import Views, open_views
from realtime_pose.capture.webcam_capture import WebcamStream
from realtime_pose.communication import MessageSink, UdpSender, parse_target
from realtime_pose.communication.udp import LOOPBACK
from realtime_pose.frame_sinks import (
    FRAMES_NAME,
    FrameSink,
    FrameVideo,
    OverlayVideo,
    RecordedFrames,
)
from realtime_pose.ik.cameras import load_cameras
from realtime_pose.inference.model_choice import RANDOM_WARNING, available_models, default_model
from realtime_pose.inference.stages import LiveFrame
from realtime_pose.inference.vitpose_inference import ViTPoseEstimator
from realtime_pose.option_check import MESSAGES, REPLAY, REPLAYED, check_options, kinds_of
from realtime_pose.pipeline import METHODS_3D, TRIANGULATE, LiveOptions, LivePipeline
from realtime_pose.recording import Recorder, read_recording, resend

REPORT_S = 5.0
ERRORS_ONLY = 2  # of OpenCV's log levels
DEFAULT_FPS = 30.0


def parse_args() -> argparse.Namespace:
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog=None if sys.argv[0].startswith('pose ') else 'python -m realtime_pose',
        description='Live poses of a camera, file, folder, stream or a synthetic figure.',
    )
    parser.add_argument(
        '--source',
        action='append',
        help='number of a camera, video, folder or pattern of images, rtsp:// or http:// address '
        '(with --allow-network), synthetic or synthetic:N people, or replay:FOLDER of a recording, '
        'whose messages are sent again if it has no frames; default synthetic; with --cameras once '
        'for each camera, in their order or as NAME=SOURCE',
    )
    parser.add_argument(
        '--cameras', metavar='FILE',
        help='calibration of several cameras, see docs/realtime/three_d.md; or synthetic:N for the '
        'figure as N cameras see it',
    )  # fmt: skip
    parser.add_argument('--fps', type=float, help='of a camera, the figure or images; default 30')
    parser.add_argument('--size', type=int, nargs=2, metavar=('WIDTH', 'HEIGHT'), help='the same')
    parser.add_argument('--loop', action='store_true', help='begin a file again at its end')
    parser.add_argument(
        '--every-frame', action='store_true', help='drop none: files wait until they are worked on'
    )
    parser.add_argument('--allow-network', action='store_true', help='allow addresses as --source')
    _add_model_arguments(parser.add_argument_group('people'))
    _add_output_arguments(parser.add_argument_group('output'))
    return parser.parse_args()


def _add_model_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--model',
        help='name such as vitpose-b, config, work dir or exported file; by default vitpose-b '
        'where it can be had, else that of tools/quickstart.sh, else random weights',
    )
    group.add_argument('--checkpoint', help='weights of --model')
    group.add_argument('--device', help='such as cpu or cuda:0; a GPU by default, if there is one')
    group.add_argument('--dtype', choices=('float32', 'bfloat16', 'float16'))
    group.add_argument('--cuda-graphs', action='store_true', help='faster small batches on a GPU')
    group.add_argument(
        '--detector', help='whole-image, torchvision, FILE.onnx, ...; see docs/detectors.md'
    )
    group.add_argument('--det-every', type=int, help='frames from one detection to the next')
    group.add_argument('--max-people', type=int)
    group.add_argument(
        '--lock', action='store_true', help='follow one person, the largest at first'
    )
    group.add_argument('--no-smoothing', action='store_true', help='leave the joints as they are')
    group.add_argument(
        '--3d', dest='method_3d', choices=METHODS_3D,
        help='lift: by constant bone lengths, approximate; triangulate: by several --cameras, '
        'exact; none: 2D only; default lift, with --cameras triangulate',
    )  # fmt: skip
    group.add_argument('--target-fps', type=float, help='hold this rate by doing less')


def _add_output_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--udp', metavar='HOST:PORT', action='append', default=[])
    group.add_argument('--udp-version', type=int, choices=(1, 2), help='default 2')
    group.add_argument(
        '--udp-allow', nargs='+', action='extend', metavar='NETWORK', default=[],
        help='addresses besides this machine that --udp may name, such as 192.168.1.0/24',
    )  # fmt: skip
    group.add_argument('--websocket', type=int, metavar='PORT', help='serve messages on loopback')
    group.add_argument('--osc', metavar='HOST:PORT', help='rotations for avatars (VMC protocol)')
    group.add_argument('--record', metavar='FOLDER', help='JSONL, CSV, BVH, glTF and overlay.mp4')
    group.add_argument(
        '--rig', metavar='FILE', help='.glb or .vrm that --record animates instead of our humanoid'
    )
    group.add_argument(
        '--record-frames', action='store_true', help='also the frames, lossless, for a replay'
    )
    group.add_argument('--max-frames', type=int, help='stop after so many')
    group.add_argument('--seconds', type=float, help='stop after so long')


def missing_views(pipeline: LivePipeline) -> str:
    """Returns the counts of missing views as text; empty if there are none."""
    source = pipeline.stream.source
    missing = source.missing if isinstance(source, Views) else ''
    return missing and f'; moments without a view: {missing}'


@dataclass
class _Reporter:
    """Callback that prints the statistics every ``REPORT_S`` seconds."""

    pipeline: LivePipeline
    due: float = 0.0

    def __call__(self, live: LiveFrame) -> None:
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + REPORT_S
        print(
            f'frame {live.captured.frame.index}: {len(live.poses)} people; '
            f'{self.pipeline.latency_stats.report()}; effort: {live.quality.text}'
            f'{missing_views(self.pipeline)}',
            flush=True,
        )


def estimator_of(args: argparse.Namespace) -> ViTPoseEstimator:
    """Returns the model; prints a warning in large letters if its weights are random."""
    if args.model is None:
        choice = default_model()
        name, model, checkpoint = choice.name, choice.config, choice.checkpoint
        print(f'model {name}', flush=True)  # with the size of a download, before it
    elif args.model in available_models():
        choice = available_models()[args.model]
        name, model, checkpoint = choice.name, choice.config, args.checkpoint or choice.checkpoint
    else:
        name, model, checkpoint = args.model, Path(args.model), args.checkpoint
    options = dict(dtype=args.dtype, cuda_graphs=args.cuda_graphs)
    estimator = ViTPoseEstimator(str(model), checkpoint, args.device, **options)
    is_random = str(model).endswith('.py') and checkpoint is None
    print(f'model {name} on {estimator.device}', flush=True)
    if is_random:
        print(f'\n{"=" * 80}\n{RANDOM_WARNING}\n{"=" * 80}\n', flush=True)
    return estimator


def sinks_of(
    args: argparse.Namespace, fps: float | None
) -> tuple[list[MessageSink], list[FrameSink]]:
    """Returns the sinks of messages and of pictures; none of pictures without a frame rate."""
    sinks: list[MessageSink] = []
    frame_sinks: list[FrameSink] = []
    allowed = (*LOOPBACK, *args.udp_allow)
    for text in args.udp:
        sinks.append(UdpSender(*parse_target(text), allowed, args.udp_version or 2))
    if args.websocket is not None:
        from realtime_pose.communication.websocket import WebSocketServerSink

        server = WebSocketServerSink(port=args.websocket)
        print(f'messages on ws://{server.host}:{server.port}', flush=True)
        sinks.append(server)
    if args.osc:
        from realtime_pose.communication.osc import VmcSink

        sinks.append(VmcSink(*parse_target(args.osc), allowed))
    if args.record:
        sinks.append(Recorder(args.record, model=args.rig))
    if args.record and fps is not None:
        frame_sinks.append(OverlayVideo(Path(args.record), fps))
    if args.record_frames and fps is not None:
        frame_sinks.append(FrameVideo(Path(args.record), fps))
    return sinks, frame_sinks


def source_of(args: argparse.Namespace, fps: float) -> str | Source:
    """Returns the name of a source, a recording, or a multi-view source."""
    sources, size_wh = args.source, None if args.size is None else tuple(args.size)
    if args.cameras is None:
        if len(sources) > 1 or args.method_3d == TRIANGULATE:
            raise ValueError(
                f'{len(sources)} source(s) without --cameras: several sources, and triangulation, '
                'need the calibration of their cameras, --cameras FILE'
            )
        [source] = sources
        is_replay = source.startswith(REPLAY)
        return RecordedFrames(source.removeprefix(REPLAY)) if is_replay else source
    if args.method_3d not in (None, TRIANGULATE):
        raise ValueError(f'--3d {args.method_3d} is for one camera; leave out --cameras')
    if args.record_frames:
        raise ValueError(
            '--record-frames is for one camera; with --cameras record their videos, and give these '
            'as --source again'
        )
    kind, _, number = args.cameras.partition(':')
    if kind != SYNTHETIC:
        cameras = load_cameras(args.cameras)
        return open_views(sources, cameras, fps, size_wh, args.allow_network)
    figure, _, people = sources[0].partition(':')
    if len(sources) > 1 or figure != SYNTHETIC or not (number + people).isdecimal():
        raise ValueError(
            f'--cameras {args.cameras} with sources {sources}: expected synthetic:N cameras, and '
            'synthetic or synthetic:PEOPLE as the only source'
        )
    return synthetic_views(int(number), int(people or 1), size_wh or (640, 480), fps)


def stop_by_signals() -> threading.Event:
    """Returns an event that SIGINT and SIGTERM set; a second signal ends the process at once."""
    stop = threading.Event()

    def end(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return stop


def stop_after(seconds: float | None, stop: threading.Event) -> None:
    """Sets an event after some seconds; None never does."""
    if seconds is not None:
        timer = threading.Timer(seconds, stop.set)
        timer.daemon = True
        timer.start()


def send_again(args: argparse.Namespace, folder: Path, stop: threading.Event) -> None:
    """Sends the messages of a recording without frames."""
    sinks, _ = sinks_of(args, fps=None)
    if not sinks:
        raise ValueError(
            f"'{folder}' has no {FRAMES_NAME}, so its messages can only be sent again; say where "
            'with --udp, --websocket, --osc or --record'
        )
    print(f'{folder} has no {FRAMES_NAME}: its messages are sent again, no model runs', flush=True)
    stop_after(args.seconds, stop)
    num_sent = resend(read_recording(folder), sinks, stop, args.max_frames)
    print(f'{num_sent} messages')


def silence_video_libraries() -> None:
    """Silences OpenCV and FFmpeg, which log every attempt to reconnect to a lost camera."""
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')  # AV_LOG_QUIET
    set_level = getattr(cv2, 'setLogLevel', None) or cv2.utils.logging.setLogLevel  # OpenCV 4, 5
    set_level(ERRORS_ONLY)


def main() -> None:
    """Runs the command."""
    args = parse_args()
    logging.basicConfig(format='%(levelname)s: %(message)s')
    silence_video_libraries()
    args.source = args.source or [SYNTHETIC]
    kinds = kinds_of(args.source)
    check_options(args, kinds)
    stop = stop_by_signals()
    is_replay = REPLAYED in kinds.values()
    if [*kinds.values()] == [MESSAGES]:
        send_again(args, Path(args.source[0].removeprefix(REPLAY)), stop)
        return
    fps = DEFAULT_FPS if args.fps is None else args.fps
    stream = WebcamStream(
        source=source_of(args, fps),
        resolution=None if args.size is None else (args.size[0], args.size[1]),
        fps=fps,
        loop=args.loop,
        keep_all=args.every_frame or is_replay,
        allow_network=args.allow_network,
    )
    options = LiveOptions(
        detector=args.detector,
        det_every=args.det_every,
        max_people=args.max_people,
        is_locked=args.lock,
        smoothing=not args.no_smoothing,
        method_3d=args.method_3d or (TRIANGULATE if args.cameras else 'lift'),
        target_fps=args.target_fps,
    )
    estimator = estimator_of(args)
    with stream:
        sinks, frame_sinks = sinks_of(args, stream.source.fps or fps)
        pipeline = LivePipeline(stream, estimator, options, sinks, frame_sinks)
        stop_after(args.seconds, stop)
        report = pipeline.run(args.max_frames, stop, _Reporter(pipeline))
    print(f'{report.num_frames} frames; {report}{missing_views(pipeline)}')
    for problem in pipeline.problems:
        print(f'note: {problem}', file=sys.stderr)


if __name__ == '__main__':
    run_tool(main)
