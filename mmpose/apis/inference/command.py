"""Inference run of ``tools/infer.py``: draws, shows and writes the results as they come."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from mmpose.apis.cli import INFERENCE_OUT
from mmpose.apis.inference.image_ids import ImageIds
from mmpose.apis.inference.inferencer import PoseInferencer
from mmpose.apis.inference.output_paths import DrawnPaths, check_out_file, stem_of
from mmpose.apis.inference.pictures import Image, Window, write_image
from mmpose.apis.inference.pipelined import run_pipelined
from mmpose.apis.inference.result_files import (
    CocoFile,
    CsvFile,
    JsonLinesFile,
    MmposeFolder,
    NpzFile,
    OfHead,
    ResultFile,
)
from mmpose.apis.inference.sequence import DrawOptions, FrameResult
from mmpose.apis.inference.sources import Input, Source, open_sources, paths_of
from mmpose.structures import DatasetMeta
from mmpose.structures.output_files import OutputFiles
from mmpose.structures.progress import track
from mmpose.video import VideoFile

FORMATS = {'coco': CocoFile, 'jsonl': JsonLinesFile, 'csv': CsvFile, 'npz': NpzFile}
RESULTS = 'results'  # stem of result files


@dataclass(frozen=True)
class Outputs:
    """Outputs of a run: files, folders, formats, windows.

    Attributes:
        out_dir: Folder of drawn images and videos.
        result_dir: Folder of result files.
        out_file: The only picture or video, instead of one per input in ``out_dir``.
        formats: Result files, some of FORMATS.
        save_images: Whether drawn images are written.
        save_video: Whether drawn videos are written.
        mmpose_dir: Folder for JSON files with the fields of MMPose's inferencer.
        show: Whether pictures are shown on the screen.
        show_interval_s: How long a picture stays there; None waits for a key after an image, and
            not at all in a video.
        draw: How poses are drawn.
        image_ids: Id per file name, for COCO results; see ``ids_by_name``.
        inputs: Files that the command reads besides images and videos.
        max_frames: End each source after so many frames.
        progress: Whether a progress bar is shown.
    """

    out_dir: Path = Path(INFERENCE_OUT)
    result_dir: Path = Path(INFERENCE_OUT)
    out_file: Path | None = None
    formats: tuple[str, ...] = ()
    save_images: bool = False
    save_video: bool = False
    mmpose_dir: Path | None = None
    show: bool = False
    show_interval_s: float | None = None
    draw: DrawOptions = field(default_factory=DrawOptions)
    image_ids: Mapping[str, int] | None = None
    inputs: tuple[str, ...] = ()
    max_frames: int | None = None
    progress: bool = True

    def result_path(self, format_name: str) -> Path:
        """Returns the path of a result file."""
        suffix = 'json' if format_name == 'coco' else format_name
        return self.result_dir / f'{RESULTS}.{suffix}'

    @property
    def draws_video(self) -> bool:
        """Whether frames of a video are drawn and written."""
        return self.save_video or self.out_file is not None

    @property
    def draws_images(self) -> bool:
        """Whether images are drawn and written."""
        return self.save_images or self.out_file is not None


@dataclass(frozen=True, eq=False)
class Summary:
    """Summary of a run.

    Attributes:
        num_frames: Frames that were read.
        num_poses: Poses in them.
        seconds: Wall time.
        files: Result files, videos and folders of pictures that were written.
        problems: Errors that did not end the run.
        busy_s: Seconds for which each part has worked; they work at the same time.
    """

    num_frames: int
    num_poses: int
    seconds: float
    busy_s: dict[str, float]
    files: list[Path]
    problems: list[str]

    def __str__(self) -> str:
        rate = self.num_frames / max(self.seconds, 1e-9)
        lines = [
            f'{self.num_poses} poses in {self.num_frames} frames, {self.seconds:.1f} s, '
            f'{rate:.1f} frames/s'
        ]
        parts = [f'{name} {seconds:.1f} s' for name, seconds in self.busy_s.items()]
        lines.append(f'busy at the same time: {", ".join(parts)}')
        lines += [f'wrote {path}' for path in self.files]
        lines += [f'note: {problem}' for problem in self.problems]
        return '\n'.join(lines)


def run_inference(
    inferencer: PoseInferencer, inputs: Input | list[Input], outputs: Outputs
) -> Summary:
    """Runs a model over inputs; draws, shows and writes the results.

    Reading, detection, poses, drawing and writing run at the same time.

    Raises:
        OSError: If something cannot be read, written or shown.
        ValueError: If ``out_file`` is to hold several pictures.
    """
    sources = open_sources(inputs)
    started = time.perf_counter()
    with ExitStack() as stack:
        run = _Run(inferencer, sources, outputs, stack)
        for number, source in enumerate(sources):
            run.work_on(number, source)
            if run.is_over:
                break
    seconds = time.perf_counter() - started
    if run.num_frames and not run.num_poses:
        run.problems.append(inferencer.hint)
    return Summary(run.num_frames, run.num_poses, seconds, run.busy_s, run.files, run.problems)


def plan_outputs(sources: Sequence[Source], outputs: Outputs) -> tuple[OutputFiles, DrawnPaths]:
    """Returns the files of a run, claimed, and the paths of what is drawn.

    Raises:
        FileExistsError: If something of the user would be replaced.
        ValueError: If ``out_file`` is to hold several pictures, or its ending is no format.
    """
    if outputs.out_file is not None:
        num_pictures = sum(1 if x.fps else x.num_frames or 1 for x in sources)
        if num_pictures > 1:
            raise ValueError(
                f"'{outputs.out_file}' is one file for {num_pictures} images or videos; give --out"
            )
        check_out_file(outputs.out_file, is_video=sources[0].fps is not None)
    files = OutputFiles([*outputs.inputs, *(path for x in sources for path in paths_of(x))])
    for name in outputs.formats:
        if name not in FORMATS:
            raise ValueError(f"format '{name}' is unknown, expected some of {', '.join(FORMATS)}")
        files.claim(outputs.result_path(name))
    drawn = DrawnPaths(outputs.out_dir, outputs.out_file, files)
    drawn.plan(sources, outputs.draws_images, outputs.draws_video)
    if outputs.mmpose_dir is not None:
        for name in {stem_of(name) for x in sources for name in getattr(x, 'names', [x.name])}:
            files.claim(outputs.mmpose_dir / f'{name}.json')
    return files, drawn


def open_result_files(
    outputs: Outputs,
    dataset_meta: DatasetMeta,
    claimed: OutputFiles,
    heads: Sequence[tuple[str, DatasetMeta]] = (),
) -> list[ResultFile]:
    """Returns the open result files of a run; tables with columns are one per head, if any."""
    files: list[ResultFile] = []
    for name in outputs.formats:
        path = outputs.result_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with_names = name in ('csv', 'npz')
        if with_names and heads:
            for number, (head, meta) in enumerate(heads):
                own = claimed.claim(path.with_stem(f'{path.stem}_{head}'))
                files.append(OfHead(FORMATS[name](own, meta), number))
            continue
        files.append(FORMATS[name](path, *[dataset_meta][:with_names]))
    if outputs.mmpose_dir is not None:
        outputs.mmpose_dir.mkdir(parents=True, exist_ok=True)
        taken = [file.path.name for file in files if file.path.parent == outputs.mmpose_dir]
        files.append(MmposeFolder(outputs.mmpose_dir, claimed, taken))
    return files


class _Run:
    """The state of a run over several sources."""

    def __init__(
        self,
        inferencer: PoseInferencer,
        sources: Sequence[Source],
        outputs: Outputs,
        stack: ExitStack,
    ) -> None:
        self.inferencer = inferencer
        self.outputs = outputs
        claimed, self.drawn = plan_outputs(sources, outputs)
        stack.enter_context(claimed)
        self.ids = ImageIds(sources, outputs.image_ids)
        self.result_files = open_result_files(
            outputs, inferencer.dataset_meta, claimed, inferencer.heads
        )
        for file in self.result_files:
            stack.callback(file.close)
        self.files = [file.path for file in self.result_files]
        self.problems: list[str] = []
        self.num_frames = self.num_poses = 0
        self.busy_s = dict.fromkeys(('read', 'detect', 'pose', 'draw', 'write'), 0.0)
        self.is_over = False

    def work_on(self, number: int, source: Source) -> None:
        """Runs one source to its end, or until the user quits."""
        outputs, is_video = self.outputs, source.fps is not None
        writes = outputs.draws_video if is_video else outputs.draws_images
        video: VideoFile | None = None
        if writes and source.fps is not None:
            path = self.drawn.of_video(number, source)
            video = VideoFile(path, source.fps, getattr(source, 'reader', None))
        frames = self.inferencer(source)
        limited = _closing_after(frames, outputs.max_frames)
        self.ids.start_source()
        window = self._window(is_video)

        def draw(result: FrameResult) -> tuple[FrameResult, Image | None]:
            return result, result.draw(outputs.draw) if writes or window else None

        def write(drawn: tuple[FrameResult, Image | None]) -> tuple[FrameResult, Image | None]:
            result, picture = drawn
            image_id = self.ids.of(result.frame)
            for file in self.result_files:
                file.add(result, image_id)
            if video is not None and picture is not None:
                video.add(picture, result.frame.time_s)
            elif writes and picture is not None:
                self._write_image(number, result, picture)
            return drawn

        busy_s: list[float] = []
        try:
            with (
                closing(run_pipelined(limited, draw, write, busy_s=busy_s)) as running,
                closing(track(running, *self._counted(source), outputs.progress)) as counted,
            ):
                for result, picture in counted:
                    self.num_frames += 1
                    self.num_poses += len(result.poses)
                    if window is not None and not window.show(picture):
                        self.is_over = True
                        break
        except KeyboardInterrupt:  # how a camera is ended
            self.is_over = True
            self.problems.append(f'{source.name} was interrupted')
        finally:
            if video is not None:
                video.close()
        self.problems += self.inferencer.problems
        if video is not None:
            self.files += [video.path] if video.num_frames else []
            self.problems += video.problems
        both = self.inferencer.busy_s | dict(zip(('draw', 'write'), busy_s[1:], strict=True))
        for name, seconds in both.items():
            self.busy_s[name] += seconds

    def _counted(self, source: Source) -> tuple[str, int | None]:
        """Returns what a progress bar says: the name, and the number of frames, where known."""
        known = [num for num in (source.num_frames, self.outputs.max_frames) if num is not None]
        return Path(source.name).name or source.name, min(known, default=None)

    def _window(self, is_video: bool) -> Window | None:
        if not self.outputs.show:
            return None
        interval = self.outputs.show_interval_s
        wait_s = (0.001 if is_video else 0.0) if interval is None else max(interval, 0.001)
        return Window('poses', round(1000 * wait_s))

    def _write_image(self, number: int, result: FrameResult, picture: Image) -> None:
        frame = result.frame
        write_image(self.drawn.of_image(number, frame.index, frame.name), picture)
        written = self.outputs.out_file or self.outputs.out_dir
        self.files += [] if written in self.files else [written]


def _closing_after(
    frames: Generator[FrameResult, None, None], max_frames: int | None
) -> Generator[FrameResult, None, None]:
    with closing(frames):
        yield from islice(frames, max_frames)
