"""Prints what the environment holds and what is wrong with it; exits with 1 if something is.

It runs before anything is installed, so it needs the standard library only. setup.py and the shell
scripts of this folder call it too.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

DISTRIBUTION = 'topdown-pose'
PACKAGES = {'mmpose', 'mmcv_custom', 'realtime_pose', 'toy_pose', 'benchmarks'}
ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / 'requirements'
PACKAGE = ROOT.parent if ROOT.name == '.mim' else ROOT / 'mmpose'  # .mim is within a wheel's mmpose
PYTHON_MIN = (3, 10)

# mmengine asks for opencv-python, but every build of OpenCV provides the same cv2. A full mmcv
# holds mmcv-lite, and onedl-mmengine the module mmengine: ours must never be installed over them.
ALTERNATIVES = {
    'mmcv-lite': ['mmcv', 'onedl-mmcv'],
    'mmengine': ['onedl-mmengine'],
    'opencv-python': ['opencv-python-headless', 'opencv-contrib-python', 'opencv'],
}
# Modules that may be installed and yet fail to import: what to do then.
IMPORT_ADVICE = {
    'torch': 'install it again as https://pytorch.org/get-started says for this machine',
    'cv2': 'on a machine without a desktop: '
    'pip install --force-reinstall --no-deps opencv-python-headless',
    'mmengine': 'pip install --force-reinstall mmengine',
    'torchvision': 'it has to match torch: pip install --upgrade torch torchvision',
    'xtcocotools.mask': 'build it for this NumPy as requirements/xtcocotools.txt says',
}
# What versions before these can do, whatever the requirements of an older checkout said.
UNSAFE_BEFORE = {
    'torch': ('2.10', 'a checkpoint can run code when it is read (CVE-2025-32434, CVE-2026-24747)'),
    'opencv-python': ('4.8.1', 'a WebP image can run code (CVE-2023-4863)'),
    'pillow': ('10.0.1', 'a WebP image can run code (CVE-2023-4863)'),
}


def read_requirements(path: Path) -> list[str]:
    """Returns the requirements of a file, with ``-r`` lines followed and other options left out."""
    found = []
    for line in path.read_text(encoding='utf-8').splitlines():
        line = line.split('#')[0].strip()
        if line.startswith('-r '):
            found += read_requirements(path.parent / line[3:].strip())
        elif line and not line.startswith('-'):
            found.append(line)
    return found


def release(version: str) -> tuple[int, ...]:
    """Returns the comparable part of a version: ``2.15.0+cu130`` gives ``(2, 15)``."""
    match = re.match(r'\d+(\.\d+)*', version)
    numbers = [int(x) for x in match.group().split('.')] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def meets(version: str, bounds: str) -> bool:
    """Returns whether a version lies within bounds such as ``>=0.17,<0.18``.

    Raises:
        ValueError: If a bound is neither ``>=`` nor ``<``, the two that our files use.
    """
    for bound in filter(None, bounds.split(',')):
        match = re.fullmatch(r'(>=|<)\s*([\d.]+)', bound.strip())
        if match is None:
            raise ValueError(f"cannot read the bound '{bound}': expected >=VERSION or <VERSION")
        is_low = release(version) < release(match.group(2))
        if is_low != (match.group(1) == '<'):
            return False
    return True


def installed_version(name: str) -> str | None:
    """Returns the version of an installed distribution or of one that stands in for it."""
    for candidate in [name, *ALTERNATIVES.get(name, [])]:
        try:
            return metadata.version(candidate)
        except metadata.PackageNotFoundError:
            continue
    return None


def is_installed(name: str) -> bool:
    """Returns whether this Python has a distribution."""
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def read_installable(path: Path) -> list[str]:
    """Returns the requirements of a file without those whose module another distribution holds."""
    held = {x for x in ('mmcv-lite', 'mmengine') if any(map(is_installed, ALTERNATIVES[x]))}
    return [x for x in read_requirements(path) if re.match(r'[\w.-]+', x).group() not in held]


def find_missing(path: Path) -> Iterator[str]:
    """Yields one sentence for each requirement of a file that is absent or of another version."""
    for requirement in read_requirements(path):
        name, bounds = re.fullmatch(r'([\w.-]+)(.*)', requirement).groups()
        version = installed_version(name)
        if version is None:
            yield f'{requirement} is not installed'
        elif not meets(version, bounds):
            yield f'{requirement} is needed but {name} {version} is installed'


def find_unsafe() -> Iterator[str]:
    """Yields one sentence for each installed distribution with a known hole that concerns us."""
    for name, (safe, hole) in UNSAFE_BEFORE.items():
        version = installed_version(name)
        if version is not None and release(version) < release(safe):
            yield f'{name} {version} is not safe, {hole}: run pip install "{name}>={safe}"'


def find_conflicts() -> Iterator[str]:
    """Yields one sentence for each other distribution that provides one of our packages."""
    for dist in metadata.distributions():
        name = dist.metadata['Name'] or ''
        provided = {name, *(dist.read_text('top_level.txt') or '').split()} & PACKAGES
        if provided and re.sub(r'[-_.]+', '-', name).lower() != DISTRIBUTION:
            yield (
                f"'{name}' {dist.version} in {dist.locate_file('')} already provides the package "
                f"'{min(provided)}', and only one distribution can: run `pip uninstall {name}` or "
                f'install {DISTRIBUTION} into another environment'
            )


def find_broken_imports() -> Iterator[str]:
    """Yields one sentence for each module that is installed but does not import."""
    for module, advice in IMPORT_ADVICE.items():
        if importlib.util.find_spec(module.partition('.')[0]) is None:
            continue
        try:
            importlib.import_module(module)
        except Exception as error:  # a broken binary may raise anything
            yield f'{module} is installed but does not import ({error}); {advice}'


def find_foreign_package() -> Iterator[str]:
    """Yields a sentence if ``import mmpose`` finds no package, or one outside this checkout."""
    spec = importlib.util.find_spec('mmpose')
    if spec is None:
        yield f'mmpose is not installed: run `pip install -e {ROOT}`'
    elif spec.origin is None or Path(spec.origin).resolve().parent != PACKAGE:
        yield (
            f'`import mmpose` finds {spec.origin}, not {PACKAGE}: run '
            f'`pip install -e {ROOT}` or take the other one off PYTHONPATH'
        )


def describe_devices() -> Iterator[str]:
    """Yields one line per device that torch can compute on."""
    import torch

    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        yield f'cuda:{index}  {card.name}, {card.total_memory / 2**30:.0f} GiB'
    if shutil.which('nvidia-smi') and not torch.cuda.is_available():
        yield (
            f'no GPU usable: there is an NVIDIA driver, but torch {torch.__version__} was built '
            f'for CUDA {torch.version.cuda}; compare with the CUDA version that nvidia-smi prints'
        )
    yield f'cpu  {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads'


def print_report(requirements: Path) -> None:
    """Prints the versions of Python, of the requirements and of the optional packages."""
    print(f'{"python":<22}{platform.python_version()}  {sys.executable}')
    needed = read_requirements(requirements)
    optional = [
        x
        for file in ('all.txt', 'xtcocotools.txt')
        for x in read_requirements(REQUIREMENTS / file)
        if x not in needed
    ]
    for note, names in (('missing', needed), ('not installed (optional)', optional)):
        for name in (re.match(r'[\w.-]+', x).group() for x in names):
            print(f'{name:<22}{installed_version(name) or note}')
    if 'torch' in sys.modules:
        for line in describe_devices():
            print(f'{"device":<22}{line}')


def parse_args() -> argparse.Namespace:
    """Returns the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--requirements', type=Path, help='file to compare with (default: requirements/runtime.txt)'
    )
    parser.add_argument(
        '--quick',
        action='store_true',
        help='import nothing: print only conflicting distributions and, with --requirements, '
        'what is missing',
    )
    parser.add_argument(
        '--installable', action='store_true', help='print what pip may install of --requirements'
    )
    return parser.parse_args()


def main() -> int:
    """Prints the report and the problems; returns the exit status."""
    args = parse_args()
    if sys.version_info < PYTHON_MIN:
        print(f'Python {platform.python_version()} is too old: 3.10 or newer is needed')
        return 1
    if args.installable:
        print(*read_installable(args.requirements), sep='\n')
        return 0
    problems = list(find_conflicts())
    requirements = args.requirements or REQUIREMENTS / 'runtime.txt'
    if args.requirements or not args.quick:
        problems += find_missing(requirements)
    if not args.quick:
        problems += find_unsafe()
        broken = list(find_broken_imports())
        print_report(requirements)
        problems += [*broken, *find_foreign_package()]
    for problem in problems:
        print(problem if args.quick else f'problem: {problem}')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
