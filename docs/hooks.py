"""Pages of the site that are made of other files: README and its like, notebooks, the API."""

import ast
import json
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ('mmpose', 'mmcv_custom', 'realtime_pose', 'toy_pose', 'benchmarks')
TOP = ('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md')
LINK = re.compile(r'(\]\()(?!\w+:|#)([^)#\s]+)')


def public_names():
    """Returns package -> its names in ``__all__``, read without an import."""
    found = {}
    for path in sorted(x for name in PACKAGES for x in (ROOT / name).rglob('__init__.py')):
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '__all__':
                package = '.'.join(path.parent.relative_to(ROOT).parts)
                found[package] = ast.literal_eval(node.value)
    return found


def api_page(package, names, packages):
    """Returns the Markdown of a package: its docstring and each public name."""
    docstring = ast.get_docstring(
        ast.parse((ROOT / package.replace('.', '/') / '__init__.py').read_text())
    )
    lines = [f'# {package}', docstring]
    for name in names:
        full = f'{package}.{name}'
        lines.append(f'- [{full}]({full}.md)' if full in packages else f'::: {full}')
    return '\n\n'.join(lines)


def notebook_page(path):
    """Returns the Markdown of a notebook: its texts and code, and the file to download."""
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    texts = [(cell['cell_type'], ''.join(cell['source'])) for cell in cells]
    parts = [text if kind == 'markdown' else f'```python\n{text}\n```' for kind, text in texts]
    return '\n\n'.join([*parts, f'[Download this notebook]({path.name})'])


def on_config(config):
    """Adds the pages of the API to the navigation."""
    config.nav.append({'API reference': [{name: f'api/{name}.md'} for name in public_names()]})
    return config


def on_files(files, config):
    """Adds the pages that are made here."""
    packages = public_names()
    pages = {f'api/{name}.md': api_page(name, names, packages) for name, names in packages.items()}
    for path in (ROOT / 'docs/notebooks').glob('*.ipynb'):
        pages[f'notebooks/{path.stem}.md'] = notebook_page(path)
    for name in TOP:
        pages[site_path(name)] = (ROOT / name).read_text(encoding='utf-8')
    pages['LICENSE.txt'] = (ROOT / 'LICENSE').read_text(encoding='utf-8')
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Leads links between files of the repository to their pages."""
    source = page.file.src_uri
    folder = '' if source in map(site_path, TOP) else posixpath.dirname(f'docs/{source}')
    start = posixpath.dirname(source)

    def lead(match):
        target = site_path(posixpath.normpath(posixpath.join(folder, match[2])))
        return match[1] + posixpath.relpath(target, start or '.')

    return LINK.sub(lead, markdown)


def site_path(path):
    """Returns where a file of the repository is in the site."""
    moved = {'README.md': 'index.md', 'LICENSE': 'LICENSE.txt'}
    return moved.get(path, path.removeprefix('docs/'))
