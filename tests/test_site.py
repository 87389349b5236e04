"""The site of docs/ builds without a warning, has every public name, loads nothing else."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ('mmpose', 'mmcv_custom', 'realtime_pose', 'toy_pose', 'benchmarks')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return folder


def test_every_public_name_has_its_place(site):
    files = [path for name in PACKAGES for path in (ROOT / name).rglob('__init__.py')]
    modules = ['.'.join(path.parent.relative_to(ROOT).parts) for path in files]
    missing, count = [], 0
    for module in modules:
        names = getattr(importlib.import_module(module), '__all__', [])
        page = site / f'api/{module}.html'
        text = page.read_text(encoding='utf-8') if names else ''
        for full in (f'{module}.{name}' for name in names):
            count += 1
            if f'id="{full}"' not in text and f'href="{full}.html"' not in text:
                missing.append(full)
    assert not missing
    assert count > 200


def test_pages_load_nothing_from_elsewhere(site):
    for page in site.rglob('*.html'):
        text = page.read_text(encoding='utf-8')
        assert not re.findall(r'<(?:script|img|iframe)[^>]+src="?https?:[^">]+', text), page
        assert not re.findall(r'<link[^>]+href="?https?:[^">]+', text), page


def test_links_between_pages_lead_somewhere(site):
    for page in site.rglob('*.html'):
        links = re.findall(r'(?:href|src)="([^"#?:]+)["#?]', page.read_text(encoding='utf-8'))
        assert not [x for x in links if not (page.parent / x).exists() and x[0] != '/'], page


@pytest.mark.parametrize(
    'word', ['crowdpose', 'UDPHeatmap', 'onedrive', 'inference_topdown', 'fastapi']
)
def test_search_finds(site, word):
    found = json.loads((site / 'search/search_index.json').read_text(encoding='utf-8'))['docs']
    assert any(word.lower() in (x['title'] + x['text']).lower() for x in found)
