"""Packages mmpose and what stands beside it; refuses an environment with another mmpose."""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / 'tools'))

from check_environment import DISTRIBUTION, read_requirements  # noqa: E402

EXTRAS = [
    *('timm', 'coco', 'albumentations', 'io', 'language', 'export', 'net', 'app', 'labels'),
    *('all', 'tests'),
]
PACKAGES = ['mmpose', 'mmcv_custom', 'realtime_pose', 'toy_pose', 'benchmarks']


def read_version() -> str:
    """Returns the version without importing the package."""
    scope: dict[str, str] = {}
    exec((ROOT / 'mmpose/version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


def ask_environment(*arguments: str) -> str:
    """Returns what tools/check_environment.py says of the Python that installs us.

    pip builds behind a PYTHONPATH that hides the environment, so the check runs without it.

    Raises:
        SystemExit: If it finds a problem; the message names it and the way out.
    """
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    command = [sys.executable, str(ROOT / 'tools/check_environment.py'), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


readme = ROOT / 'README.md'
ask_environment('--quick')  # another distribution of our packages is a problem
RUNTIME = str(ROOT / 'requirements/runtime.txt')
setup(
    name=DISTRIBUTION,
    version=read_version(),
    description='Top-down pose estimation with plain vision transformers',
    long_description=readme.read_text(encoding='utf-8') if readme.is_file() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    package_dir={'': '.'},  # an editable install then is a plain path, which type checkers follow
    packages=find_packages(include=[*PACKAGES, *(f'{name}.*' for name in PACKAGES)]),
    package_data={
        'mmpose': ['py.typed'],
        'mmpose.metainfo': ['*.csv'],
        'mmpose.models.language': ['*.csv', '*.yaml'],
        'mmcv_custom': ['py.typed'],
        'realtime_pose': ['py.typed'],
        'realtime_pose.communication': ['*.json'],
        'realtime_pose.interface': ['*.js'],
        'realtime_pose.model3d': ['*.glb'],
        'toy_pose': ['py.typed'],
        'benchmarks': ['py.typed'],
    },
    install_requires=ask_environment('--installable', '--requirements', RUNTIME).split('\n')[:-1],
    extras_require={x: read_requirements(ROOT / f'requirements/{x}.txt') for x in EXTRAS},
)
