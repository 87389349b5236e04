"""On-disk cache of parsed annotations, so that a file is parsed once."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from mmpose.datasets.annotations import FORMAT_VERSION, HEADER, AnnotationStore
from mmpose.structures.cache_folder import cache_root

try:
    import fcntl
except ImportError:  # not on Windows; there the atomic rename alone protects the cache
    fcntl = None

MAX_ATTEMPTS = 5
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError)


def load_or_build(
    sources: Sequence[Path], options: Mapping[str, Any], build: Callable[[], AnnotationStore]
) -> AnnotationStore:
    """Returns the store of some annotation files, from the cache where it is there and whole.

    An entry is found by path, size and modification time of the sources, by the options and by
    the format version. Several processes may call this at once: one builds, the others wait and
    map its files. A damaged entry is built again; a cache that cannot be written costs a warning
    and leaves the arrays in memory.

    Args:
        sources: Files that the store depends on; the first one names the entry.
        options: Whatever else decides about the contents; anything JSON can hold.
        build: Parses the sources.

    Raises:
        FileNotFoundError: If a source does not exist.
    """
    about = {'sources': [_fingerprint(path) for path in sources], 'options': dict(options)}
    key = json.dumps([FORMAT_VERSION, about], sort_keys=True)
    digest = hashlib.sha256(key.encode()).hexdigest()[:24]
    folder = cache_root() / 'annotations' / f'{sources[0].stem}-{digest}'
    store = _load(folder)
    if store is not None:
        return store
    with _lock(folder.with_name(f'{folder.name}.lock')):
        store = _load(folder)
        if store is not None:
            return store
        built = build()
        try:
            store = _publish(built, folder, about)
        except OSError as error:
            warnings.warn(
                f'cannot write the annotation cache {folder.parent} ({error}); every process '
                'keeps its own copy in memory. Set MMPOSE_CACHE to a writable folder',
                stacklevel=2,
            )
    return built if store is None else store


def _fingerprint(path: Path) -> list[str | int]:
    if not path.is_file():
        raise FileNotFoundError(f'annotation file {path} does not exist')
    stat = path.stat()
    return [str(path.absolute()), stat.st_size, stat.st_mtime_ns]


def _load(folder: Path) -> AnnotationStore | None:
    if not folder.is_dir():
        return None
    try:
        return AnnotationStore.load(folder)
    except DAMAGE as error:
        warnings.warn(
            f'damaged annotation cache {folder} ({error}); building it again', stacklevel=3
        )
        return None


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lets one process at a time in; all of them where the file system has no locks."""
    with ExitStack() as stack:
        with suppress(OSError):  # publishing will say what is wrong with the folder
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open('w'))
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _publish(store: AnnotationStore, folder: Path, about: Mapping[str, Any]) -> AnnotationStore:
    """Moves a finished entry into place, so that nobody ever sees half of one."""
    own = folder.with_name(f'.{folder.name}.{uuid.uuid4().hex[:12]}')
    own.mkdir(parents=True)
    try:
        store.save(own, about)
        published = _move_into_place(own, folder)
    finally:
        shutil.rmtree(own, ignore_errors=True)
    _remove_outdated(folder, about)
    return published


def _move_into_place(own: Path, folder: Path) -> AnnotationStore:
    for _ in range(MAX_ATTEMPTS):
        try:
            own.rename(folder)
            return AnnotationStore.load(folder)
        except OSError as error:
            problem = error
        # Without locks another process can be first; its entry is as good as ours.
        theirs = _load(folder)
        if theirs is not None:
            return theirs
        damaged = own.with_name(f'{own.name}.damaged')
        with suppress(OSError):
            folder.rename(damaged)
        shutil.rmtree(damaged, ignore_errors=True)
    raise problem


def _remove_outdated(folder: Path, about: Mapping[str, Any]) -> None:
    """Removes entries of earlier contents of the same files; open mappings stay valid."""
    paths = [source[0] for source in about['sources']]
    for other in folder.parent.glob(f'*/{HEADER}'):
        try:
            theirs = json.loads(other.read_text())['about']['sources']
        except DAMAGE:
            continue
        if [source[0] for source in theirs] == paths and theirs != about['sources']:
            shutil.rmtree(other.parent, ignore_errors=True)
