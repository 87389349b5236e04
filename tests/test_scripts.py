"""The shell scripts start exactly the commands that their manuals promise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / 'tools'
SCRIPTS = [*sorted(TOOLS.glob('*.sh')), ROOT / '.ci/run']
RUN = f'{TOOLS}/_launch.py' + ' --nnodes {} --node_rank {} --nproc_per_node {}'
SRUN = 'srun -p {} --job-name {} --gres gpu:{} --ntasks {} --ntasks-per-node {} --cpus-per-task {}'

# Writes one argument per line, so that a word that was split in two shows.
RECORDER = """#!/bin/sh
if [ "$1" = -c ]; then echo 4242; exit; fi
printf '%s\\n' {name} "$@" >>"$RECORD"
printf '%s\\n' "devices=$CUDA_VISIBLE_DEVICES" "path=$PYTHONPATH" >>"$RECORD.env"
"""


@pytest.fixture
def call(tmp_path):
    """Runs a script with a python and an srun that record how they are called."""
    for name in ('python', 'srun'):
        recorder = tmp_path / name
        recorder.write_text(RECORDER.format(name=name))
        recorder.chmod(0o755)
    record = tmp_path / 'record'

    def run(script, *arguments, **variables):
        kept = {'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'HOME': str(tmp_path)}
        done = subprocess.run(
            ['bash', TOOLS / script, *arguments],
            cwd=tmp_path,
            env={**kept, 'PYTHON': str(tmp_path / 'python'), 'RECORD': str(record), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        done.words = record.read_text().splitlines() if record.exists() else []
        done.env = Path(f'{record}.env').read_text() if done.words else ''
        return done

    return run


def expected(template, *rest):
    return [*template.split(), *rest]


TRAIN, TEST = str(TOOLS / 'train.py'), str(TOOLS / 'test.py')
DEFAULT = RUN.format(1, 0, '2 --master_addr 127.0.0.1 --master_port 4242')
TAIL = ['--kill-on-bad-exit=1']
COMMANDS = {
    'train': (
        'dist_train.sh',
        ['c.py', '2'],
        {},
        ['python', *expected(DEFAULT), TRAIN, 'c.py', '--launcher', 'pytorch'],
    ),
    'train with restarts': (
        'dist_train.sh',
        ['c.py', '2'],
        {'MAX_RESTARTS': '3'},
        [
            *[
                'python',
                *expected(DEFAULT.replace(' --master_addr', ' --max_restarts 3 --master_addr')),
            ],
            *[TRAIN, 'c.py', '--launcher', 'pytorch'],
        ],
    ),
    'train with devices and blanks': (
        'dist_train.sh',
        ['my c.py', '2', '0,3', '--cfg-options', 'a.b=x y', '--seed', '0'],
        {'PORT': '7'},
        [
            *['python', *expected(RUN.format(1, 0, '2 --master_addr 127.0.0.1 --master_port 7'))],
            *[TRAIN, 'my c.py', '--launcher', 'pytorch'],
            *['--cfg-options', 'a.b=x y', '--seed', '0'],
        ],
    ),
    'train on two machines': (
        'dist_train.sh',
        ['c.py', '8', '--cfg-options', 'model.pretrained=mae.pth'],
        {'NNODES': '2', 'NODE_RANK': '1', 'MASTER_ADDR': 'a'},
        [
            *['python', *expected(RUN.format(2, 1, '8 --master_addr a --master_port 29500'))],
            *[TRAIN, 'c.py', '--launcher', 'pytorch'],
            *['--cfg-options', 'model.pretrained=mae.pth'],
        ],
    ),
    'test': (
        'dist_test.sh',
        ['c.py', 'x.pth', '2', '--work-dir', 'w'],
        {},
        [
            *['python', *expected(DEFAULT), TEST, 'c.py', 'x.pth', '--launcher', 'pytorch'],
            *['--work-dir', 'w'],
        ],
    ),
    'slurm train': (
        'slurm_train.sh',
        ['part', 'job', 'c.py', 'work dir', '--seed', '0'],
        {},
        [
            *[*expected(SRUN.format('part', 'job', 8, 8, 8, 5)), *TAIL, 'PYTHON', '-u', TRAIN],
            *['c.py', '--work-dir', 'work dir', '--seed', '0', '--launcher', 'slurm'],
        ],
    ),
    'slurm test': (
        'slurm_test.sh',
        ['part', 'job', 'c.py', 'x.pth'],
        {'GPUS': '4', 'CPUS_PER_TASK': '2', 'SRUN_ARGS': '--time 10 --qos high'},
        [
            *[*expected(SRUN.format('part', 'job', 4, 4, 4, 2)), *TAIL],
            *['--time', '10', '--qos', 'high', 'PYTHON', '-u', TEST, 'c.py', 'x.pth'],
            *['--launcher', 'slurm'],
        ],
    ),
    'slurm on two machines': (
        'slurm_train.sh',
        ['part', 'job', 'c.py', 'w'],
        {'GPUS': '16'},
        [
            *[*expected(SRUN.format('part', 'job', 8, 16, 8, 5)), *TAIL, 'PYTHON', '-u', TRAIN],
            *['c.py', '--work-dir', 'w', '--launcher', 'slurm'],
        ],
    ),
}


@pytest.mark.parametrize(
    ('script', 'arguments', 'variables', 'words'), COMMANDS.values(), ids=COMMANDS
)
def test_command(call, tmp_path, script, arguments, variables, words):
    done = call(script, *arguments, **variables)
    assert done.returncode == 0, done.stderr
    assert done.words == [str(tmp_path / 'python') if x == 'PYTHON' else x for x in words]
    assert f'path={ROOT}\n' in done.env


def test_devices_are_the_visible_ones(call):
    assert 'devices=0,3\n' in call('dist_train.sh', 'c.py', '2', '0,3').env
    assert 'devices=1\n' in call('dist_test.sh', 'c.py', 'x.pth', '1', '1').env


@pytest.mark.parametrize(
    ('script', 'arguments', 'variables', 'message'),
    [
        ('dist_train.sh', [], {}, 'expected CONFIG and GPUS, got 0 argument(s)'),
        ('dist_train.sh', ['c.py'], {}, 'expected CONFIG and GPUS, got 1 argument(s)'),
        ('dist_train.sh', ['c.py', '--seed'], {}, "to be a number of processes, got '--seed'"),
        ('dist_train.sh', ['c.py', '0'], {}, "to be a number of processes, got '0'"),
        (
            'dist_train.sh',
            ['c.py', '2', '0,1,2'],
            {},
            "2 GPU(s) in the list '0,1,2', which names 3",
        ),
        ('dist_train.sh', ['c.py', '2'], {'MAX_RESTARTS': 'many'}, "a number, got 'many'"),
        ('dist_test.sh', ['c.py', '2'], {}, 'expected CONFIG, CHECKPOINT and GPUS, got 2'),
        ('slurm_train.sh', ['p', 'j', 'c.py'], {}, 'CONFIG and WORK_DIR, got 3'),
        ('slurm_test.sh', ['p', 'j', 'c.py'], {}, 'CONFIG and CHECKPOINT, got 3'),
        ('slurm_test.sh', ['p', 'j', 'c.py', 'x'], {'GPUS': 'all'}, "processes, got 'all'"),
        ('quickstart.sh', ['--fast'], {}, "unknown option '--fast'"),
    ],
)
def test_usage_error(call, script, arguments, variables, message):
    done = call(script, *arguments, **variables)
    assert (done.returncode, done.words) == (2, [])
    assert message in done.stderr
    assert f'bash tools/{script}' in done.stderr


@pytest.mark.parametrize('script', [x.name for x in SCRIPTS if x.name[0] != '_' and x.suffix])
def test_help_is_the_opening_comment(call, script):
    done = call(script, '--help')
    assert (done.returncode, done.words, done.stderr) == (0, [], '')
    assert f'bash tools/{script}' in done.stdout
    assert '#' not in done.stdout
    assert 'set -euo' not in done.stdout


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.name)
def test_syntax(path):
    assert subprocess.run(['bash', '-n', path], check=False).returncode == 0


def test_no_environment_is_one_sentence(call, tmp_path):
    """With nothing installed, a script that only launches says what to do and installs nothing."""
    bare = tmp_path / 'bare'
    bare.mkdir()
    for name in ('bash', 'dirname', 'awk'):
        (bare / name).symlink_to(subprocess.check_output(['which', name], text=True).strip())
    fake = tmp_path / 'checkout/tools'
    fake.mkdir(parents=True)
    for path in TOOLS.glob('*.sh'):
        (fake / path.name).write_text(path.read_text())
    done = subprocess.run(
        [bare / 'bash', fake / 'dist_train.sh', 'c.py', '2'],
        env={'PATH': str(bare)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'no Python with PyTorch and MMEngine' in done.stderr
    assert 'tools/quickstart.sh' in done.stderr


def test_active_environment_is_found(tmp_path):
    """The python on PATH is taken when it holds what is needed."""
    done = subprocess.run(
        ['bash', '-euc', f'source {TOOLS}/_env.sh; find_python runtime.txt; echo "$PYTHON"'],
        env={'PATH': f'{Path(sys.executable).parent}:/usr/bin:/bin', 'HOME': str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path(done.stdout.splitlines()[-1]).parent == Path(sys.executable).parent


# Prints the tool it is asked to run, and fails if that is the one named by BROKEN.
ECHO = """#!/bin/sh
[ "$1" != -m ] || shift
echo "ran $*"
echo "data $MMPOSE_TEST_DATA"
[ "$1" != "$BROKEN" ]
"""


@pytest.fixture
def checkout(tmp_path):
    """Runs a copy of the scripts with a python that only prints; returns status and what ran."""
    (tmp_path / 'tools').mkdir()
    for path in TOOLS.glob('*.sh'):
        (tmp_path / 'tools' / path.name).write_text(path.read_text())
    stub = tmp_path / 'python'
    stub.write_text(ECHO)
    stub.chmod(0o755)

    def run(script, *arguments, broken=''):
        done = subprocess.run(
            ['bash', tmp_path / 'tools' / script, *arguments],
            env={'PATH': os.environ['PATH'], 'PYTHON': str(stub), 'BROKEN': broken},
            capture_output=True,
            text=True,
            check=False,
        )
        ran = [line[4:] for line in done.stdout.splitlines() if line.startswith('ran ')]
        return done.returncode, ran

    run.root = tmp_path
    return run


STEP = """import sys, pathlib
name = pathlib.Path(__file__).name
print('ran', name, *sys.argv[1:], flush=True)
sys.exit(name == pathlib.Path('broken').read_text())
"""


@pytest.fixture
def quickstart(tmp_path):
    """Runs the quickstart with steps that only print; returns status and what ran."""
    (tmp_path / 'tools').mkdir()
    for name in ('make_toy_dataset', 'train', 'test', 'summarize'):
        (tmp_path / 'tools' / f'{name}.py').write_text(STEP)
    script = tmp_path / 'tools' / 'quickstart.py'
    script.write_text((TOOLS / script.name).read_text())

    def run(*arguments, broken=''):
        (tmp_path / 'broken').write_text(broken)
        command = [sys.executable, script, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        ran = [line[4:].split() for line in done.stdout.splitlines() if line.startswith('ran ')]
        return done.returncode, ran

    run.root = tmp_path
    return run


def test_quickstart_does_each_step_once(quickstart):
    work_dir = quickstart.root / 'work_dirs/quickstart'
    work_dir.mkdir(parents=True)
    (work_dir / 'last_checkpoint').write_text('epoch_2.pth')
    status, ran = quickstart(broken='test.py')
    assert status == 1
    assert [line[0] for line in ran] == ['make_toy_dataset.py', 'train.py', 'test.py']
    assert '--resume' in ran[1]

    status, ran = quickstart()
    assert status == 0
    assert [line[0] for line in ran] == ['make_toy_dataset.py', 'test.py', 'summarize.py']
    assert 'work_dirs/quickstart/epoch_2.pth' in ran[1]

    status, ran = quickstart()
    assert status == 0
    assert [line[0] for line in ran] == ['make_toy_dataset.py', 'summarize.py']


def test_quickstart_makes_the_environment_and_runs(checkout):
    status, ran = checkout('quickstart.sh', '--long')
    assert (status, ran) == (0, ['tools/quickstart.py --long'])


ALL_TESTS = 'pytest -n auto --maxprocesses 8 --dist loadfile'
QUICK_TESTS = (
    f'{ALL_TESTS} tests/codecs tests/coco tests/config tests/evaluation tests/metainfo '
    'tests/structures tests/tracking tests/test_architecture.py tests/test_scripts.py'
)


@pytest.mark.parametrize(
    ('arguments', 'broken', 'status', 'ran'),
    [
        ([], '', 0, ['ruff check', 'ruff format --check', ALL_TESTS, 'mypy']),
        ([], 'mypy', 1, ['ruff check', 'ruff format --check', ALL_TESTS, 'mypy']),
        ([], 'pytest', 1, ['ruff check', 'ruff format --check', ALL_TESTS, 'mypy']),
        (['--quick'], '', 0, ['ruff check', 'ruff format --check', QUICK_TESTS, 'mypy']),
        (['tests/codecs', '-k', 'udp'], '', 0, ['pytest tests/codecs -k udp']),
    ],
)
def test_run_tests_runs_everything_and_reports_any_failure(
    checkout, arguments, broken, status, ran
):
    assert checkout('run_tests.sh', *arguments, broken=broken) == (status, ran)


def test_ci_takes_the_images_beside_the_checkout(tmp_path):
    root = tmp_path / 'checkout'
    for path in [*TOOLS.glob('*.sh'), ROOT / '.ci/run']:
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    (tmp_path / 'python').write_text(ECHO)
    (tmp_path / 'python').chmod(0o755)

    def data(**variables):
        done = subprocess.run(
            ['bash', root / '.ci/run'],
            env={'PATH': os.environ['PATH'], 'PYTHON': str(tmp_path / 'python'), **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f'ran {ALL_TESTS}' in done.stdout.splitlines()
        return done.stdout.splitlines()[-1]

    assert data() == 'data '
    beside = tmp_path / 'shared' / 'data'
    beside.mkdir(parents=True)
    assert data() == f'data {beside}'
    assert data(MMPOSE_TEST_DATA='/mine') == 'data /mine'
