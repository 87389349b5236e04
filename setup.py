"""Packages mmpose and what stands beside it; refuses an environment with another mmpose."""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / 'tools'))

from check_environment import read_requirements  # noqa: E402

EXTRAS = [
    *('timm', 'coco', 'albumentations', 'io', 'language', 'export', 'net', 'app', 'labels'),
    *('video', 'all', 'docs', 'tests'),
]
PACKAGES = ['mmpose', 'mmcv_custom', 'realtime_pose', 'toy_pose', 'benchmarks']


def read_version() -> str:
    """Returns the version without importing the package."""
    path = ROOT / 'mmpose/version.py'
    scope: dict[str, str] = {'__file__': str(path)}
    exec(path.read_text(encoding='utf-8'), scope)
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


class BuildWithConfigs(build_py):
    """Puts configs and tools into the wheel, where ``mmpose.version.PROJECT`` looks for them."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, 'mmpose', '.mim')
        for name in ('configs', 'tools', 'requirements'):
            for path in sorted((ROOT / name).rglob('*')):
                if path.suffix in ('.py', '.sh', '.txt') and '__pycache__' not in path.parts:
                    copy = target / path.relative_to(ROOT)
                    self.mkpath(str(copy.parent))
                    self.copy_file(str(path), str(copy))


readme = ROOT / 'README.md'
ask_environment('--quick')  # another distribution of our packages is a problem
RUNTIME = str(ROOT / 'requirements/runtime.txt')
setup(
    version=read_version(),
    long_description=readme.read_text(encoding='utf-8') if readme.is_file() else '',
    long_description_content_type='text/markdown',
    package_dir={'': '.'},  # an editable install then is a plain path, which type checkers follow
    packages=find_packages(include=[*PACKAGES, *(f'{name}.*' for name in PACKAGES)]),
    package_data={
        'mmpose': ['py.typed'],
        'mmpose.checkpoints': ['*.csv'],
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
    cmdclass={'build_py': BuildWithConfigs},
    install_requires=ask_environment('--installable', '--requirements', RUNTIME).split('\n')[:-1],
    extras_require={x: read_requirements(ROOT / f'requirements/{x}.txt') for x in EXTRAS},
)
