"""Every tool shows its flags before it loads torch, which takes seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PATHS = (path for path in (ROOT / 'tools').rglob('*.py') if not path.name.startswith('_'))
TOOLS = sorted(str(path.relative_to(ROOT)) for path in PATHS)


@pytest.mark.parametrize('tool', TOOLS)
def test_help_loads_no_torch(tool):
    command = [sys.executable, '-X', 'importtime', tool, '--help']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert 'usage: ' in done.stdout
    loaded = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
    assert 'argparse' in loaded
    assert 'torch' not in loaded
