"""The tools for datasets show their flags before they load torch, which takes seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = [
    *(f'tools/{name}.py' for name in ('new_dataset', 'check_dataset', 'browse_dataset')),
    *(str(path.relative_to(ROOT)) for path in (ROOT / 'tools/dataset_converters').glob('*.py')),
]


@pytest.mark.parametrize('tool', TOOLS)
def test_help_loads_no_torch(tool):
    command = [sys.executable, '-X', 'importtime', tool, '--help']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert 'usage: ' in done.stdout
    loaded = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
    assert 'argparse' in loaded
    assert 'torch' not in loaded
