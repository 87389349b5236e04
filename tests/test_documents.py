"""Links, files, commands and flags in each page and notebook exist."""

import json
import re
import shlex
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name

import pytest

from mmpose.__main__ import TOOLS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('docs/**/*.ipynb')])
FOLDERS = 'configs|tools|examples|benchmarks|docker|requirements|realtime_pose|mmpose|mmcv_custom'
FILE = re.compile(rf'(?<![\w/.-])(?:{FOLDERS}|toy_pose|tests|docs)/[\w/+.-]+\.(?!egg)[a-z]+\b')
# programs of others that the pages type
FOREIGN = 'cd|curl|ffmpeg|ls|pip|pre-commit|source|tensorboard|trtexec|wandb'
OURS = re.compile(r'(?:python3?|bash|sh|pose|topdown-pose|torchrun|streamlit)\s')
NAME = re.compile(r'`((?:mmpose|mmcv_custom|realtime_pose|toy_pose)(?:\.[A-Za-z]\w*)+)`')
NO_NAMES = ['mmpose.plugins', 'mmpose.json']  # the group of entry points, and a file
IMPORT = re.compile(
    r'^from ((?:mmpose|mmcv_custom|realtime_pose|toy_pose)[\w.]*) import ([\w, ]+)', re.MULTILINE
)
HIDDEN = {
    'configs': '--copy --help',
    '--help': '',
    '--version': '',
}  # of `pose`, which are no tools


def read_page(path):
    """Returns a page, or a notebook, as Markdown with the variables of its commands replaced."""
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.ipynb':
        cells = [(x['cell_type'], ''.join(x['source'])) for x in json.loads(text)['cells']]
        text = '\n\n'.join(x if kind == 'markdown' else f'```\n{x}\n```' for kind, x in cells)
    for name, folder in re.findall(r'\b([A-Z])=(configs/[^\s`,]+)', text):
        text = re.sub(rf'\${name}(?=[/ ])', folder, text)
    return text


def command_lines(text):
    """Returns the command lines of a page: of its blocks, and of its sentences."""
    text = text.replace('\\\n', ' ')
    lines = []
    for language, block in re.findall(
        r'^```(\w*)\n(.*?)^```', text, flags=re.DOTALL | re.MULTILINE
    ):
        shell = language in ('bash', 'sh')
        for line in re.split(r'\n(?!\s+\[)', block):  # a manual goes on with [--flag]
            line = line.strip().removeprefix('$ ').removeprefix('!')
            if shell or OURS.match(line):
                lines.append(line)
    spans = re.findall(
        r'`([^`\n]+(?:\n[^`\n]+)?)`', re.sub(r'```.*?```', '', text, flags=re.DOTALL)
    )
    return lines + [span for span in spans if OURS.match(span)]


def faults_of(line):
    """Returns what is wrong with a command line."""
    line = re.split(r'\s[#>]\s|^#', line)[0]
    found = []
    for part in re.split(r'\s(?:&&|\|\|?|;)\s(?!-)', line):  # not of [--this | --that]
        try:
            words = shlex.split(part)
        except ValueError:
            words = part.split()
        while words and (re.match(r'[A-Z_]+=', words[0]) or words[0] in ('taskset', '-c', '0')):
            words = words[1:]
        if words:
            found += faults_of_words(words)
    return found


def faults_of_words(words):
    if words[0] == 'torchrun':
        words = ['python', *words[words.index('-m') :]]
    match words:
        case ['docker', *_]:
            files = [b for a, b in pairwise(words) if a == '-f']
            return [f'no file {x}' for x in files if not (ROOT / x).is_file()]
        case ['pose' | 'topdown-pose', name, *rest] | ['python', '-m', 'mmpose', name, *rest]:
            if name in HIDDEN:
                return unknown_flags(rest, HIDDEN[name])
            if name != 'live' and name not in TOOLS:
                return [f'no command pose {name}']
            return unknown_flags(rest, usage('-m', 'mmpose', name))
        case ['python', '-m', module, *rest] if module.split('.')[0] == 'realtime_pose':
            return unknown_flags(rest, usage('-m', module))
        case ['python' | 'python3', '-m' | '-c', *_]:
            return []
        case ['python' | 'python3' | 'bash' | 'sh', script, *rest] | [
            'streamlit',
            'run',
            script,
            *rest,
        ]:
            if not (ROOT / script).is_file():
                return [f'no file {script}']
            return unknown_flags(rest, usage(script)) if words[0] != 'streamlit' else []
        case _:
            return [] if re.fullmatch(FOREIGN, Path(words[0]).name) else [f'no command {words[0]}']


def unknown_flags(words, usage):
    flags = re.findall(r'(?<![\w-])--[a-zA-Z][\w-]*', ' '.join(words))
    return [f'no flag {x}' for x in flags if not re.search(rf'{x}(?![\w-])', usage)]


@cache
def usage(*command):
    """Returns what a command says of itself, with its parts, as of tools/benchmark.py."""

    def ask(*more):
        program = 'bash' if command[0].endswith('.sh') else sys.executable
        run = [program, *command, *more, '--help']
        return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    text = ask()
    parts = re.search(r'\{([\w,]+)\} \.\.\.', text)
    text += ''.join(ask(part) for part in parts[1].split(',')) if parts else ''
    launched = re.search(r'(?:dist|slurm)_(train|test)\.sh', command[0])
    return text + (usage(f'tools/{launched[1]}.py') if launched else '')


def unknown_names(text):
    """Returns the names of ours, in sentences and imports, that do not exist."""
    names = [x for x in NAME.findall(text) if x not in NO_NAMES]
    for module, imported in IMPORT.findall(text):
        names += [f'{module}.{x.split(" as ")[0].strip()}' for x in imported.split(',')]
    unknown = []
    for name in names:
        try:
            resolve_name(name)
        except (ImportError, AttributeError):
            unknown.append(f'no name {name}')
    return unknown


def faults_of_page(text):
    missing = [x for x in FILE.findall(text) if not (ROOT / x).is_file() and '/NAME' not in x]
    lines = [(line, fault) for line in command_lines(text) for fault in faults_of(line)]
    return [
        *(f'no file {x}' for x in missing),
        *(f'{fault}: {line}' for line, fault in lines),
        *unknown_names(text),
    ]


def broken_links(text, folder):
    targets = re.findall(r'\]\((?!\w+:|#)([^)#\s]+)', text)
    return [target for target in targets if not (folder / target).exists()]


@pytest.mark.parametrize('path', PAGES, ids=lambda x: str(x.relative_to(ROOT)))
def test_page(path):
    text = read_page(path)
    assert not broken_links(text, path.parent)
    assert not faults_of_page(text)


PLANTED = {
    'see [x](docs/nothing.md)': 'docs/nothing.md',
    '```bash\npython tools/trian.py CONFIG\n```': 'no file tools/trian.py',
    '```bash\npython tools/train.py \\\n    CONFIG --work-dirs w\n```': 'no flag --work-dirs',
    '```\n!python -m mmpose train CONFIG --work-dirs w\n```': 'no flag --work-dirs',
    '```bash\nA=1 bash tools/dist_train.sh C 8 --ampp && ls\n```': 'no flag --ampp',
    '```bash\npose trian CONFIG\n```': 'no command pose trian',
    '```bash\npose live --kamera 0\n```': 'no flag --kamera',
    '```bash\npython -m realtime_pose.receive --ports 5\n```': 'no flag --ports',
    '```bash\npython examples/serve_fastapi.py M --hots x\n```': 'no flag --hots',
    '```bash\npython tools/benchmark.py loader C --sample 3\n```': 'no flag --sample',
    '```bash\nstreamlit run realtime_pose/app.py\n```': 'no file realtime_pose/app.py',
    '```bash\ndocker build -t x -f docker/File .\n```': 'no file docker/File',
    '```bash\nyolo train\n```': 'no command yolo',
    '`python tools/export.py CONFIG CKPT --fp17`': 'no flag --fp17',
    '`C=configs/body` `python tools/test.py $C/coco/no.py x`': 'no file configs/body/coco/no.py',
    'in `mmpose/apis/no.py`': 'no file mmpose/apis/no.py',
    'see `mmpose.structures.CropWindows`': 'no name mmpose.structures.CropWindows',
    '```python\nfrom mmpose.apis import init_model, init\n```': 'no name mmpose.apis.init',
}  # fmt: skip


@pytest.mark.parametrize(('text', 'fault'), PLANTED.items())
def test_planted_fault_is_found(text, fault, tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(text)
    text = read_page(page)
    found = faults_of_page(text) + broken_links(text, ROOT)
    assert any(fault in x for x in found), found


def test_the_zoo_has_a_command_per_published_row():
    rows = re.findall(r'^\| [^|]+ \| (?:ViTPose|HAP)[^|]* \| [^|]+ \| (.+) \|$',
                      (ROOT / 'docs/model_zoo.md').read_text(), flags=re.MULTILINE)  # fmt: skip
    assert len(rows) > 70
    for command in rows:
        assert re.search(r'tools/\w+\.(py|sh) |the same run', command), command


def test_the_readme_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= 200
