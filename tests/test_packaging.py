"""The wheel is complete, and an environment that does not fit is described in one sentence."""

import os
import subprocess
import sys
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHECK = ROOT / 'tools/check_environment.py'
WITHIN = ('configs', 'tools', 'requirements')  # what a wheel holds within mmpose
PACKAGES = ('mmpose', 'mmcv_custom', 'realtime_pose', 'toy_pose', 'benchmarks')
sys.path.insert(0, str(ROOT / 'tools'))

import check_environment  # noqa: E402
from check_environment import (  # noqa: E402
    find_missing,
    find_unsafe,
    meets,
    read_requirements,
)


def run(*command, **variables):
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def install_fake(folder, name, provides):
    """Makes a distribution that claims to provide a package."""
    info = folder / f'{name}-1.3.2.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.3.2\n')
    (info / 'top_level.txt').write_text(f'{provides}\n')
    return folder


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Builds the wheel from a copy, offline, and returns it opened."""
    pytest.importorskip('setuptools', reason='setuptools is not installed')
    source = tmp_path_factory.mktemp('source')
    for name in ('setup.py', 'pyproject.toml', 'LICENSE', 'MANIFEST.in', *WITHIN):
        (source / name).symlink_to(ROOT / name)
    for name in PACKAGES:
        (source / name).symlink_to(ROOT / name)
    code = 'from setuptools.build_meta import build_wheel; print(build_wheel("."))'
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(source / done.stdout.split()[-1]) as file:
        yield file


def test_versions_with_holes_are_named(monkeypatch):
    installed = {'torch': '2.9.1+cu128', 'opencv-python': '4.8.0.76', 'pillow': '10.0.0'}
    monkeypatch.setattr(check_environment, 'installed_version', installed.get)
    torch, opencv, pillow = find_unsafe()
    assert torch.startswith('torch 2.9.1+cu128 is not safe, a checkpoint can run code')
    assert opencv.endswith('pip install "opencv-python>=4.8.1"')
    assert 'CVE-2023-4863' in pillow
    installed |= {'torch': '2.10.0', 'opencv-python': '4.8.1.78', 'pillow': '10.0.1'}
    assert list(find_unsafe()) == []
    needed = ' '.join(read_requirements(ROOT / 'requirements/all.txt'))
    needed += ' '.join(read_requirements(ROOT / 'requirements/runtime.txt'))
    assert all(
        f'{name}>={safe}' in needed for name, (safe, _) in check_environment.UNSAFE_BEFORE.items()
    )


def test_wheel_holds_every_module_and_data_file(wheel):
    packed = {name for name in wheel.namelist() if '.dist-info/' not in name}
    expected = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }
    expected |= {
        f'mmpose/.mim/{path.relative_to(ROOT)}'
        for folder in WITHIN
        for path in (ROOT / folder).rglob('*')
        if path.suffix in ('.py', '.sh', '.txt') and '__pycache__' not in path.parts
    }
    assert packed == expected
    typed = {f'{package}/py.typed' for package in PACKAGES}
    assert {*typed, 'mmpose/metainfo/coco.csv'} <= packed


def test_wheel_metadata(wheel):
    info = next(name for name in wheel.namelist() if name.endswith('.dist-info/METADATA'))
    metadata = message_from_string(wheel.read(info).decode())
    scope = {'__file__': str(ROOT / 'mmpose/version.py')}
    exec((ROOT / 'mmpose/version.py').read_text(), scope)
    assert (metadata['Name'], metadata['Version']) == ('topdown-pose', scope['__version__'])
    assert metadata['Requires-Python'] == '>=3.10'
    assert {'timm', 'coco', 'albumentations', 'all', 'tests'} <= set(
        metadata.get_all('Provides-Extra')
    )
    always = [x for x in metadata.get_all('Requires-Dist') if 'extra ==' not in x]
    assert sorted(always) == sorted(read_requirements(ROOT / 'requirements/runtime.txt'))


@pytest.mark.parametrize(
    ('version', 'bounds', 'is_met'),
    [
        ('2.15.0+cu130', '>=2.4', True),
        ('2.4', '>=2.4.0', True),
        ('2.3.9', '>=2.4', False),
        ('0.17.5', '>=0.17,<0.18', True),
        ('0.18.0', '>=0.17,<0.18', False),
        ('1.0', '', True),
    ],
)
def test_bounds(version, bounds, is_met):
    assert meets(version, bounds) == is_met


def test_unreadable_bound():
    with pytest.raises(ValueError, match=r"cannot read the bound '~=1.2': expected >="):
        meets('1.2', '~=1.2')


def test_missing_requirements(tmp_path):
    (tmp_path / 'a.txt').write_text('# why\n--no-binary x\nabsent-thing>=2  # what for\n-r b.txt\n')
    (tmp_path / 'b.txt').write_text('pytest>=7\npytest<1\n')
    assert list(find_missing(tmp_path / 'a.txt')) == [
        'absent-thing>=2 is not installed',
        f'pytest<1 is needed but pytest {pytest.__version__} is installed',
    ]


@pytest.mark.parametrize(
    'path', sorted((ROOT / 'requirements').glob('*.txt')), ids=lambda x: x.name
)
def test_requirement_files_are_readable(path):
    requirements = read_requirements(path)
    assert requirements
    assert all(isinstance(problem, str) for problem in find_missing(path))


@pytest.mark.parametrize(('name', 'provides'), [('mmpose', 'mmpose'), ('vitpose', 'mmcv_custom')])
def test_other_owner_is_named(tmp_path, name, provides):
    site = install_fake(tmp_path / 'site', name, provides)
    done = run(CHECK, '--quick', PYTHONPATH=str(site))
    assert done.returncode == 1
    assert f"'{name}' 1.3.2 in {site}" in done.stdout
    assert f"already provides the package '{provides}'" in done.stdout
    assert f'run `pip uninstall {name}`' in done.stdout


def test_own_distribution_is_no_conflict(tmp_path):
    site = install_fake(tmp_path / 'site', 'topdown_pose', 'mmpose')
    done = run(CHECK, '--quick', PYTHONPATH=str(site))
    assert (done.returncode, done.stdout) == (0, '')


def test_setup_refuses_an_environment_that_holds_another_mmpose(tmp_path):
    """As pip runs it: setuptools comes from a PYTHONPATH, and the environment is hidden."""
    setuptools = pytest.importorskip('setuptools', reason='setuptools is not installed')
    venv.create(tmp_path / 'env', with_pip=False)
    python = tmp_path / 'env/bin/python'
    command = [python, 'setup.py', '--version']
    options = dict(
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(Path(setuptools.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    done = subprocess.run(command, **options)
    assert done.returncode == 0, done.stderr
    site = next((tmp_path / 'env/lib').glob('python3*/site-packages'))
    install_fake(site, 'mmpose', 'mmpose')
    done = subprocess.run(command, **options)
    assert done.returncode == 1
    assert "already provides the package 'mmpose'" in done.stderr


def test_report_names_a_foreign_package(tmp_path):
    """A copy of mmpose elsewhere on the path hides the checkout; the report says where it is."""
    other = tmp_path / 'mmpose'
    other.mkdir()
    (other / '__init__.py').touch()
    done = run(CHECK, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert f'`import mmpose` finds {other}/__init__.py, not {ROOT}/mmpose' in done.stdout
    assert 'device ' in done.stdout


NEEDED = ['mmcv-lite>=2.2', 'mmengine>=0.10']


@pytest.mark.parametrize(
    ('name', 'left'),
    [('mmcv', NEEDED[1:]), ('onedl-mmcv', NEEDED[1:]), ('onedl-mmengine', NEEDED[:1])],
)
def test_another_distribution_of_a_module_serves(tmp_path, name, left):
    (tmp_path / 'needed.txt').write_text('\n'.join(NEEDED))
    script = ROOT / 'tools/check_environment.py'
    command = [sys.executable, script, '--requirements', tmp_path / 'needed.txt']

    def ask(option):
        environment = {**os.environ, 'PYTHONPATH': str(tmp_path)}
        done = subprocess.run(
            [*command, option], capture_output=True, text=True, check=False, env=environment
        )
        return done.stdout.split('\n')[:-1]

    assert ask('--installable') == NEEDED
    info = tmp_path / f'{name.replace("-", "_")}-2.3.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 2.3.0\n')
    assert ask('--installable') == left
    assert not any('is not installed' in line for line in ask('--quick'))
