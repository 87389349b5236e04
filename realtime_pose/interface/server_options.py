"""Options that a server offers to visitors of its page, and the choice of a visitor."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import torch

from mmpose.structures.media_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from realtime_pose.capture.named_source import PROJECT_ROOT, SYNTHETIC
from realtime_pose.inference.model_choice import available_models
from realtime_pose.interface import browser_camera

MEDIA_VARIABLE, DEFAULT_MEDIA = 'VITPOSE_MEDIA', 'resources/videos'
DETECTOR_VARIABLE = 'VITPOSE_DETECTOR'
ADDRESSES_VARIABLE = 'VITPOSE_ADDRESSES'
TARGETS_VARIABLE, DEFAULT_TARGET = 'VITPOSE_UDP_TARGETS', '127.0.0.1:5005'
HUMANOID = 'humanoid'  # the model that ships with the project
RIG_SUFFIXES = {'.glb', '.vrm'}
CAMERA = 'camera '  # and a number
NUM_CAMERAS = 4
MAX_LISTED = 200


@dataclass(frozen=True)
class ServerOptions:
    """Options on offer, which the operator sets by environment variables.

    Attributes:
        models: Names of models.
        devices: Names, such as ``cpu`` and ``cuda:0``.
        sources: Names of sources: the synthetic figure, the camera of the visitor's browser, those
            of the server, files and addresses.
        rigs: Names of 3D models: the shipped humanoid, and files.
        targets: UDP addresses.
        media: Folder of the files.
        detector: Person detector, see ``build_detector``; not chosen by visitors.
    """

    models: tuple[str, ...]
    devices: tuple[str, ...]
    sources: tuple[str, ...]
    rigs: tuple[str, ...]
    targets: tuple[str, ...]
    media: Path
    detector: str | None = None

    @classmethod
    def of_environment(
        cls, environment: Mapping[str, str] = os.environ, root: Path = PROJECT_ROOT
    ) -> ServerOptions:
        """Returns the options of the environment variables.

        ``VITPOSE_MEDIA`` is a folder of videos, pictures and 3D models, ``VITPOSE_ADDRESSES`` and
        ``VITPOSE_UDP_TARGETS`` are comma-separated lists, ``VITPOSE_DETECTOR`` is a detector.
        """
        media = (root / environment.get(MEDIA_VARIABLE, DEFAULT_MEDIA)).resolve()
        files = _files(media, VIDEO_SUFFIXES | IMAGE_SUFFIXES)
        cameras = [browser_camera.NAME, *(f'{CAMERA}{number}' for number in range(NUM_CAMERAS))]
        figures = [SYNTHETIC, f'{SYNTHETIC}:2', f'{SYNTHETIC}:3']
        gpus = [f'cuda:{number}' for number in range(torch.cuda.device_count())]
        return cls(
            models=tuple(available_models(environment, root)),
            devices=(*gpus, 'cpu'),
            sources=(*figures, *cameras, *files, *_listed(environment, ADDRESSES_VARIABLE)),
            rigs=(HUMANOID, *_files(media, RIG_SUFFIXES)),
            targets=tuple(_listed(environment, TARGETS_VARIABLE)) or (DEFAULT_TARGET,),
            media=media,
            detector=environment.get(DETECTOR_VARIABLE) or None,
        )


def _files(folder: Path, suffixes: Set[str]) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in (sorted(folder.rglob('*')) if folder.is_dir() else [])
        if path.suffix.lower() in suffixes and path.resolve().is_relative_to(folder)
    ][:MAX_LISTED]


def _listed(environment: Mapping[str, str], variable: str) -> list[str]:
    return [part.strip() for part in environment.get(variable, '').split(',') if part.strip()]


@dataclass(frozen=True)
class Choice:
    """Settings that a visitor has chosen.

    Attributes:
        model: Name of a model on offer.
        device: Device of the model.
        source: Name of a source on offer.
        target: UDP receiver of messages; None sends none.
        fps: Frame rate of a camera or the figure, 1 to 60.
        size_wh: Size of its frames, px.
        target_fps: Frame rate to hold by lowering the quality; None keeps full quality.
        min_score: Keypoints below it count as unknown in 3D.
        smoothing: Whether keypoints are smoothed over time.
        max_people: Limit per frame, 1 to 20.
        method_3d: ``lift`` or ``none``.
        is_recorded: Whether a recording is written.
        rig: 3D model that a recording animates.
    """

    model: str
    device: str
    source: str
    target: str | None = None
    fps: float = 30.0
    size_wh: tuple[int, int] = (640, 480)
    target_fps: float | None = None
    min_score: float = 0.3
    smoothing: bool = True
    max_people: int = 10
    method_3d: str = 'lift'
    is_recorded: bool = False
    rig: str = HUMANOID

    def check(self, server_options: ServerOptions) -> None:
        """Validates all settings, which may come from an untrusted client.

        Raises:
            ValueError: If a setting is not on offer, or out of range.
        """
        listed = {
            'model': server_options.models,
            'device': server_options.devices,
            'source': server_options.sources,
            'rig': server_options.rigs,
            'target': (None, *server_options.targets),
            'method_3d': ('lift', 'none'),
        }
        for name, allowed in listed.items():
            if getattr(self, name) not in allowed:  # not listed, as addresses may hold passwords
                raise ValueError(f"{name} '{getattr(self, name)}' is not on offer")
        limits = {
            'fps': (1, 60), 'target_fps': (1, 60), 'min_score': (0, 1), 'max_people': (1, 20),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f'{name} is {value}, expected {low} to {high}')
        if not all(32 <= side <= 1920 for side in self.size_wh):
            raise ValueError(f'size is {self.size_wh}, expected 32 to 1920 px a side')
