"""Recording and replay of messages.

A recording is a folder with ``poses.jsonl`` (messages of version 2, one per line) and ``poses.csv``
(a row per keypoint). When it is closed each person's movement is written as ``motion_<id>.bvh`` and
``motion_<id>.glb``. ``python -m realtime_pose.recording poses.jsonl`` does the same later, for a
recording that was cut off.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np

from mmpose.metainfo import load_metainfo
from realtime_pose.communication.decoding import decode_message
from realtime_pose.communication.message import PoseMessage
from realtime_pose.communication.schema import require_msgspec
from realtime_pose.communication.sinks import MessageSink, Outage, logger
from realtime_pose.model3d.bvh import write_bvh
from realtime_pose.model3d.motion import motion_of, write_animated_glb
from realtime_pose.model3d.rigged_model import RiggedModel

JSONL_NAME, CSV_NAME = 'poses.jsonl', 'poses.csv'
CSV_COLUMNS = (
    'seq', 'frame_id', 't_capture', 'person', 'keypoint', 'x_px', 'y_px', 'score', 'x_m', 'y_m',
    'z_m',
)  # fmt: skip
# Movements of fewer frames, and people beyond this number, get no motion files.
MIN_FRAMES, MAX_PEOPLE = 2, 20


class _TextFile:
    """New file with atomic appends: a text is written completely or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open('xb', buffering=0)
        self._size = 0

    def append(self, text: str) -> None:
        """Writes a text; a partial write on a full disk is rolled back.

        Raises:
            OSError: If it cannot be written, or the file was removed meanwhile.
        """
        if not self.path.exists():  # the system would go on writing to the deleted file
            raise FileNotFoundError(f'{self.path.name} was removed')
        left = text.encode()
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
        self._size = self._file.tell()

    def close(self) -> None:
        self._file.close()


class Recorder:
    """Message sink that writes into a new folder line by line; a crash loses at most one message.

    Args:
        folder: Folder of the recording; created, or existing without a recording in it.
        with_motions: Write BVH and animated glTF of each person when closed.
        model: .glb or .vrm file for the animated glTF; None takes our humanoid.

    Raises:
        FileExistsError: If there is a recording already.
        FileNotFoundError: If there is no such model.
        ValueError: If the model has no humanoid skeleton.
        OSError: If the folder cannot be written.
        ImportError: If movements are wanted and the package ``msgspec`` is missing.
    """

    def __init__(
        self, folder: str | Path, with_motions: bool = True, model: str | Path | None = None
    ) -> None:
        # Fail before the recording, not after it.
        if with_motions:
            require_msgspec()
        if model is not None:
            RiggedModel.load(model)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.with_motions = with_motions
        self.model = model
        self._outage = Outage(f'recording {self.folder}')
        try:
            self._lines = _TextFile(self.folder / JSONL_NAME)
            self._table = _TextFile(self.folder / CSV_NAME)
        except FileExistsError:
            raise FileExistsError(
                f'{self.folder} has a recording already; choose another folder'
            ) from None
        self._table.append(_csv_text([CSV_COLUMNS]))
        self._is_closed = False

    def send(self, message: PoseMessage) -> None:
        """Writes a message; a full disk is logged, and stops nothing else."""
        try:
            self._lines.append(message.to_json() + '\n')
            self._table.append(_csv_text(csv_rows(message)))
        except OSError as error:
            self._outage.failed(error.strerror or error)
        else:
            self._outage.worked()

    def close(self) -> None:
        """Closes the files, and writes the movements."""
        if self._is_closed:
            return
        self._is_closed = True
        self._lines.close()
        self._table.close()
        if self._outage.is_out:
            logger.warning('%s lacks the last %d messages', self.folder, self._outage.num_lost)
        if self.with_motions:
            try:
                files = write_motions(self.folder / JSONL_NAME, self.folder, self.model)
                if not files:
                    logger.warning('no movements for %s: nobody has rotations', self.folder)
            except (OSError, ValueError) as error:
                logger.warning('no movements written to %s: %s', self.folder, error)


def _csv_text(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline='')
    csv.writer(text).writerows(rows)
    return text.getvalue()


def csv_rows(message: PoseMessage) -> Iterator[list[object]]:
    """Yields a row of ``CSV_COLUMNS`` per keypoint.

    Unknown numbers are empty; keypoints of an unknown skeleton are numbered.
    """
    names = _keypoint_names(message.skeleton) if message.people else ()
    head = [message.seq, message.frame_id, f'{message.t_capture:.6f}']
    for person in message.people:
        unknown = np.full((len(person.keypoints), 3), np.nan)
        joints = unknown if person.joints_3d is None else person.joints_3d
        table = np.column_stack([person.keypoints, person.scores, joints])
        for i, values in enumerate(table):
            name = names[i] if i < len(names) else str(i)
            cells = ['' if not np.isfinite(value) else f'{value:.4f}' for value in values]
            yield [*head, person.id, name, *cells]


def _keypoint_names(skeleton: str) -> Sequence[str]:
    try:
        return load_metainfo(skeleton).keypoint_names
    except FileNotFoundError:  # a custom skeleton
        return ()


def read_recording(path: str | Path) -> Iterator[PoseMessage]:
    """Yields the messages of a recording.

    Args:
        path: A ``.jsonl`` file, or the folder of a recording.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is no message; a truncated last line is omitted with a warning.
    """
    file = Path(path)
    file = file / JSONL_NAME if file.is_dir() else file
    if not file.is_file():
        raise FileNotFoundError(f'no recording {file}')
    with file.open('rb') as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b'\n'):
                logger.warning('%s: the last line was cut off and is left out', file)
                return
            try:
                message = decode_message(line)
            except ValueError as error:
                raise ValueError(f'{file}, line {number}: {error}') from None
            if not isinstance(message, PoseMessage):
                raise ValueError(f'{file}, line {number}: is of version 1, expected version 2')
            yield message


def replay(
    messages: Iterable[PoseMessage],
    speed: float | None = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[PoseMessage]:
    """Yields messages unchanged, paced by their times of capture.

    Args:
        messages: Messages in order of time.
        speed: Playback speed, 2 is twice as fast; None does not wait.
        clock: Monotonic clock, s.
        sleep: Waits, s.

    Raises:
        ValueError: If the speed is not positive.
    """
    if speed is not None and speed <= 0:
        raise ValueError(f'speed {speed}: expected more than 0, or None not to wait')
    start, first = clock(), None
    for message in messages:
        first = message.t_capture if first is None else first
        if speed is not None:
            sleep(max(0.0, start + (message.t_capture - first) / speed - clock()))
        yield message


def resend(
    messages: Iterable[PoseMessage],
    sinks: Sequence[MessageSink],
    stop: threading.Event,
    max_messages: int | None = None,
) -> int:
    """Sends messages again unchanged, paced by their times of capture; closes the sinks.

    Args:
        messages: Messages in order of time.
        sinks: Receivers.
        stop: Event that ends it early.
        max_messages: Limit on the number of messages.

    Returns:
        Number of messages sent.
    """
    num_sent = 0
    try:
        for message in replay(islice(messages, max_messages), sleep=stop.wait):
            if stop.is_set():
                break
            for sink in sinks:
                sink.send(message)
            num_sent += 1
    finally:
        for sink in sorted(sinks, key=lambda sink: not isinstance(sink, Recorder)):
            sink.close()
    return num_sent


def write_motions(
    recording: str | Path, folder: str | Path, model: str | Path | None = None
) -> list[Path]:
    """Writes ``motion_<id>.bvh`` and ``motion_<id>.glb`` of each person with rotations.

    Args:
        recording: As in :func:`read_recording`.
        folder: Folder of the files.
        model: .glb or .vrm file for the animated glTF; None takes our humanoid.

    Returns:
        Paths of the files.
    """
    counts: dict[int, int] = {}
    for message in read_recording(recording):
        for person in message.people:
            if person.rotations is not None:
                counts[person.id] = counts.get(person.id, 0) + 1
    chosen = sorted((key for key in counts if counts[key] >= MIN_FRAMES), key=lambda k: -counts[k])
    if len(chosen) > MAX_PEOPLE:
        logger.warning('only the %d people who are there longest are written', MAX_PEOPLE)
    written = []
    for key in chosen[:MAX_PEOPLE]:
        motion = motion_of(read_recording(recording), key)
        files = [Path(folder) / f'motion_{key}{suffix}' for suffix in ('.bvh', '.glb')]
        write_bvh(motion, files[0])
        write_animated_glb(motion, files[1], model)
        written += files
    return written


def main(output: TextIO = sys.stdout) -> None:
    """Writes the movements of a recording."""
    parser = argparse.ArgumentParser(
        prog='python -m realtime_pose.recording',
        description='Writes BVH and animated glTF for each person of a recording.',
    )
    parser.add_argument('recording', help='a folder, or a .jsonl file')
    parser.add_argument('--out', help='folder for the files; beside the recording by default')
    parser.add_argument('--model', help='a .glb or .vrm file to move instead of our humanoid')
    args = parser.parse_args()
    source = Path(args.recording)
    folder = Path(args.out) if args.out else source if source.is_dir() else source.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = write_motions(source, folder, args.model)
    except (OSError, ValueError, ImportError) as error:
        sys.exit(f'error: {error}')
    print('\n'.join(map(str, files)) or 'nobody in the recording has rotations', file=output)


if __name__ == '__main__':
    main()
