"""Reader and writer of BVH, the text format of motion capture.

Offsets are metres with y up; angles are degrees, about z, then x, then y of the turned bone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.quaternions import IDENTITY, continuous, from_rotvec, multiply, to_matrix
from realtime_pose.ik.rig import BONE_NAMES, PARENTS, Proportions, Rig
from realtime_pose.model3d.bone_names import find_bones
from realtime_pose.model3d.motion import Motion

Array = NDArray[np.float64]

AXES = {'X': 0, 'Y': 1, 'Z': 2}
ORDER = 'ZXY'
MAX_JOINTS, MAX_VALUES = 1000, 50_000_000


@dataclass(frozen=True, eq=False)
class BvhClip:
    """Content of a BVH file with J joints, each after its parent.

    Attributes:
        names: (J,).
        parents: (J,); -1 for the root.
        offsets: (J, 3), in the unit of the file.
        ends: Offset (3,) of the end of each joint that has one.
        fps: Frames per second.
        rotations: (T, J, 4) local.
        positions: (T, 3). Of the root, in the unit of the file.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array
    ends: dict[int, Array]
    fps: float
    rotations: Array
    positions: Array


def tips_of(body: Proportions) -> dict[str, Array]:
    """Returns the end points (3,), m, of leaf bones."""
    return {
        'head': np.array([0.0, 0.1 * body.height, 0.0]),
        'leftHand': np.array([body.hand, 0.0, 0.0]),
        'rightHand': np.array([-body.hand, 0.0, 0.0]),
        'leftFoot': np.array([0.0, -0.2 * body.foot, 0.72 * body.foot]),
        'rightFoot': np.array([0.0, -0.2 * body.foot, 0.72 * body.foot]),
    }


def write_bvh(motion: Motion, path: str | Path, scale: float = 1.0) -> None:
    """Writes a movement.

    Args:
        motion: Motion to write.
        path: The file.
        scale: Units per metre: 1 for Blender, 100 for programs that count in centimetres.
    """
    lines = ['HIERARCHY']
    tips = tips_of(motion.rig.proportions)
    order: list[int] = []

    def write(bone: int, depth: int) -> None:
        order.append(bone)
        pad, name = '\t' * depth, BONE_NAMES[bone]
        offset = np.zeros(3) if bone == 0 else scale * motion.rig.offsets[bone]
        rotation = ' '.join(f'{axis}rotation' for axis in ORDER)
        channels = f'CHANNELS 3 {rotation}'
        if bone == 0:
            channels = f'CHANNELS 6 Xposition Yposition Zposition {rotation}'
        lines.append(f'{pad}{"JOINT" if depth else "ROOT"} {name}')
        lines.extend([f'{pad}{{', f'{pad}\tOFFSET {_triple(offset)}', f'{pad}\t{channels}'])
        for child in (i for i, parent in enumerate(PARENTS) if parent == bone):
            write(child, depth + 1)
        if name in tips:
            tip = _triple(scale * tips[name])
            lines.extend([f'{pad}\tEnd Site', f'{pad}\t{{', f'{pad}\t\tOFFSET {tip}', f'{pad}\t}}'])
        lines.append(f'{pad}}}')

    write(0, 0)
    angles = np.degrees(euler_angles(motion.rotations[:, order]))
    rows = np.concatenate([scale * motion.roots, angles.reshape(len(angles), -1)], axis=-1)
    lines += ['MOTION', f'Frames: {len(rows)}', f'Frame Time: {1 / motion.fps:.8f}']
    lines += [' '.join(f'{value:.6f}' for value in row) for row in rows]
    Path(path).write_text('\n'.join(lines) + '\n', encoding='ascii')


def euler_angles(rotations: Array) -> Array:
    """Converts rotations to Euler angles (..., 3), rad, about z, x and y in this order."""
    matrix = to_matrix(rotations)
    about_x = np.arcsin(np.clip(matrix[..., 2, 1], -1, 1))
    about_z = np.arctan2(-matrix[..., 0, 1], matrix[..., 1, 1])
    about_y = np.arctan2(-matrix[..., 2, 0], matrix[..., 2, 2])
    # Straight up or down only the sum or difference of the others is known: all of it goes to z.
    is_locked = np.abs(matrix[..., 2, 1]) > 1 - 1e-12
    alone = np.arctan2(matrix[..., 1, 0], matrix[..., 0, 0])
    about_z, about_y = np.where(is_locked, alone, about_z), np.where(is_locked, 0, about_y)
    return np.stack([about_z, about_x, about_y], axis=-1)


def read_bvh(path: str | Path) -> BvhClip:
    """Reads a BVH file with channels in any order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is malformed; the message names the file and the place.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f'no BVH file {file}')
    try:
        return _Parser(file.read_text(encoding='utf-8', errors='replace')).parse()
    except ValueError as error:
        raise ValueError(f'{file}: {error}') from None


def motion_of_clip(clip: BvhClip, scale: float = 1.0) -> Motion:
    """Converts a clip whose rest pose is the T-pose of the rig to a motion.

    Args:
        clip: With joints of names that :func:`find_bones` knows.
        scale: Units of the file per metre.

    Raises:
        ValueError: If a bone of trunk, arms or legs is missing, or the rest pose is another.
    """
    index = find_bones(clip.names)
    rotations = np.tile(IDENTITY, (len(clip.positions), len(BONE_NAMES), 1))
    offsets = Rig.default().offsets.copy()
    for bone, joint in index.items():
        rotations[:, BONE_NAMES.index(bone)] = clip.rotations[:, joint]
        offsets[BONE_NAMES.index(bone)] = clip.offsets[joint] / scale
    offsets[0] = Rig.default().offsets[0]
    for name in ('leftLowerArm', 'leftLowerLeg'):
        way, expected = (x[BONE_NAMES.index(name)] for x in (offsets, Rig.default().offsets))
        if way @ expected < 0.99 * np.linalg.norm(way) * np.linalg.norm(expected):
            raise ValueError(f'{name} does not rest in the T-pose of the rig; retarget the clip')
    rig = Rig(Proportions(), offsets)
    return Motion(rig, clip.fps, continuous(rotations), clip.positions / scale)


def _triple(values: Array) -> str:
    return ' '.join(f'{value:.6f}' for value in values)


class _Parser:
    """Parser of a BVH file, token by token."""

    def __init__(self, text: str) -> None:
        self._tokens = self._split(text)
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[Array] = []
        self.ends: dict[int, Array] = {}
        self.channels: list[list[str]] = []
        self._line = 0

    def _split(self, text: str) -> Iterator[str]:
        for number, line in enumerate(text.splitlines(), start=1):
            self._line = number
            yield from line.split()

    def _next(self) -> str:
        token = next(self._tokens, None)
        if token is None:
            raise ValueError(f'the file ends in line {self._line}, in the middle of something')
        return token

    def _expect(self, *words: str) -> None:
        for word in words:
            token = self._next()
            if token.upper() != word:
                raise ValueError(f"line {self._line} has '{token[:40]}', expected {word}")

    def _number(self) -> float:
        token = self._next()
        try:
            value = float(token)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise ValueError(f"line {self._line} has '{token[:40]}', expected a number")
        return value

    def parse(self) -> BvhClip:
        self._expect('HIERARCHY', 'ROOT')
        self._joint(-1)
        self._expect('MOTION', 'FRAMES:')
        num_frames = int(self._number())
        self._expect('FRAME', 'TIME:')
        frame_time = self._number()
        num_channels = sum(len(channels) for channels in self.channels)
        if frame_time <= 0 or num_frames < 1 or num_frames * num_channels > MAX_VALUES:
            raise ValueError(f'{num_frames} frames of {frame_time} s each cannot be read')
        values = np.array([self._number() for _ in range(num_frames * num_channels)])
        extra = next(self._tokens, None)
        if extra is not None:
            raise ValueError(f"line {self._line} has '{extra[:40]}' after the last frame")
        rotations, positions = self._turn(values.reshape(num_frames, num_channels))
        return BvhClip(
            tuple(self.names), tuple(self.parents), np.stack(self.offsets), self.ends,
            1 / frame_time, rotations, positions,
        )  # fmt: skip

    def _joint(self, parent: int) -> None:
        if len(self.names) >= MAX_JOINTS:
            raise ValueError(f'more than {MAX_JOINTS} joints')
        index = len(self.names)
        self.names.append(self._next())
        self.parents.append(parent)
        self._expect('{', 'OFFSET')
        self.offsets.append(np.array([self._number() for _ in range(3)]))
        self._expect('CHANNELS')
        self.channels.append([self._channel() for _ in range(int(self._number()))])
        while (token := self._next()) != '}':
            if token.upper() == 'JOINT':
                self._joint(index)
            elif token.upper() == 'END':
                self._expect('SITE', '{', 'OFFSET')
                self.ends[index] = np.array([self._number() for _ in range(3)])
                self._expect('}')
            else:
                raise ValueError(f"line {self._line} has '{token[:40]}', expected JOINT or }}")

    def _channel(self) -> str:
        token = self._next()
        if token[:1].upper() not in AXES or token[1:].lower() not in ('position', 'rotation'):
            raise ValueError(f"line {self._line} has '{token[:40]}', expected a channel")
        return token[0].upper() + token[1:].lower()

    def _turn(self, values: Array) -> tuple[Array, Array]:
        """Returns rotations (T, J, 4) and positions (T, 3) of the channels (T, ...)."""
        rotations = np.tile(IDENTITY, (len(values), len(self.names), 1))
        positions = np.tile(self.offsets[0], (len(values), 1))
        column = 0
        for joint, channels in enumerate(self.channels):
            for channel in channels:
                axis = AXES[channel[0]]
                if channel.endswith('rotation'):
                    vectors = np.outer(np.radians(values[:, column]), np.eye(3)[axis])
                    rotations[:, joint] = multiply(rotations[:, joint], from_rotvec(vectors))
                elif joint == 0:
                    positions[:, axis] = values[:, column]
                column += 1
        return rotations, positions
