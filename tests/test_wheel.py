"""Wheel and sdist hold what the commands need: ``pose`` works in an empty folder."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mmpose.__main__ import TOOLS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tools'))


ROOT = Path(__file__).resolve().parents[1]
LEAF = 'ViTPose_tiny_toy_128x96'
SMALL = [
    'train_cfg.max_epochs=1', 'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
    'train_dataloader.batch_size=4', 'default_hooks.bad_cases.num_worst=1',
    'default_hooks.bad_cases.num_random=1',
]  # fmt: skip


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A copy of the files that git knows, since building leaves folders behind."""
    folder = tmp_path_factory.mktemp('source')
    names = subprocess.check_output(['git', 'ls-files', '-z'], cwd=ROOT, text=True).split('\0')
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope='module')
def installed(source, tmp_path_factory):
    """Runs ``python -m mmpose`` of the installed wheel in an empty folder."""
    folder = tmp_path_factory.mktemp('installed')
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
    options = ['--quiet', '--no-deps', '--no-build-isolation']
    subprocess.run([*pip, 'wheel', *options, '-w', folder, source], check=True)
    (wheel,) = folder.glob('*.whl')
    subprocess.run([*pip, 'install', *options, '--target', folder / 'site', wheel], check=True)
    (folder / 'work').mkdir()

    def run(*arguments, status=0):
        done = subprocess.run(
            [sys.executable, '-m', 'mmpose', *map(str, arguments)],
            cwd=folder / 'work',
            env={**os.environ, 'PYTHONPATH': str(folder / 'site'), 'OMP_NUM_THREADS': '1'},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout + done.stderr

    run.site = folder / 'site'
    run.folder = folder / 'work'
    return run


def test_it_trains_tests_infers_exports_and_runs_live_from_an_empty_folder(installed):
    folder = installed.folder
    installed('toy-dataset', '--out', 'data/toy', '--num-train', 8, '--num-val', 4, '--workers', 1)
    installed('train', LEAF, '--work-dir', 'run', '--cfg-options', *SMALL)
    options = ['--work-dir', 'run', '--cfg-options', *SMALL]
    # of the config that the run has written, as users of MMPose do
    assert 'coco/AP' in installed('test', 'run/config.py', 'run/epoch_1.pth', *options)
    image = next((folder / 'data/toy/val2017').glob('*.jpg'))
    installed('infer', image, '--model', 'run', '--det', 'whole-image', '--out', 'drawn')
    assert [path.name for path in (folder / 'drawn').iterdir()] == [image.name]
    assert f'toy/{LEAF}.py' in installed('inspect', 'run/epoch_1.pth')
    program = ['--format', 'torchscript', '--out', 'pose.torchscript']
    assert 'torchscript' in installed('export', 'run/config.py', 'run/epoch_1.pth', *program)
    live = ['--source', 'synthetic', '--model', 'run', '--max-frames', 3, '--record', 'recording']
    installed('live', *live)
    assert list((folder / 'recording').iterdir())


def test_configs_are_listed_and_copied_whole(installed):
    listed = installed('configs', 'wholebody', 'small').splitlines()
    assert listed
    assert all('wholebody' in line.lower() and 'small' in line.lower() for line in listed)
    installed('configs', '--copy', 'vitpose-b', 'mine')
    copy = installed.folder / 'mine/ViTPose_base_coco_256x192.py'
    assert '_base_' not in copy.read_text()
    assert 'exists' in installed('configs', '--copy', 'vitpose-b', 'mine', status=1)
    installed('print-config', copy)


def test_a_reader_that_ends_first_is_no_error(installed):
    command = f"'{sys.executable}' -m mmpose configs | true; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, 'PYTHONPATH': str(installed.site)}
    run = ['bash', '-c', command]
    done = subprocess.run(run, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b'')


def test_every_command_has_its_tool(installed):
    usage = installed('--help')
    tools = installed.site / 'mmpose/.mim/tools'
    for command, (tool, _) in TOOLS.items():
        assert f'  {command} ' in usage
        assert (tools / tool).is_file()
    for command in ('train', 'report', 'live'):
        assert f'usage: pose {command} ' in installed(command, '--help')


def test_unknown_commands_and_configs_get_the_nearest_names(installed):
    assert 'did you mean train?' in installed('trian', status=1)
    assert 'did you mean ViTPose_base_coco_256x192' in installed(
        'train', 'ViTPose_base_coco_256x193', status=1
    )


def test_the_environment_is_checked_against_what_the_wheel_asks_for(installed):
    assert 'import mmpose` finds' not in installed('check-environment', '--quick')


def test_the_commands_are_in_the_metadata(installed):
    (info,) = installed.site.glob('topdown_pose-*.dist-info')
    assert 'pose = mmpose.__main__:main' in (info / 'entry_points.txt').read_text()


def test_the_sdist_builds_the_same_wheel(source, installed, tmp_path):
    command = [sys.executable, 'setup.py', '--quiet', 'sdist', '--dist-dir', tmp_path]
    subprocess.run(command, cwd=source, check=True)
    (sdist,) = tmp_path.glob('*.tar.gz')
    with tarfile.open(sdist) as archive:
        packed = {Path(*Path(name).parts[1:]).as_posix() for name in archive.getnames()}
    (wheel,) = installed.site.parent.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        built = {name for name in archive.namelist() if '.dist-info' not in name}
    assert {name.removeprefix('mmpose/.mim/') for name in built} <= packed
