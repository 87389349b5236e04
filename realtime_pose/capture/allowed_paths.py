"""Which files a web page may name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import realtime_pose

PROJECT_ROOT = Path(realtime_pose.__file__).resolve().parents[1]


def validate_path(
    path: str | Path, must_exist: bool = True, roots: Sequence[str | Path] = (PROJECT_ROOT,)
) -> Path:
    """Returns the real path of a file below one of the roots.

    Args:
        path: Absolute, or relative to a root; ``~`` is the home of the user. Links are followed
            before anything is compared.
        must_exist: Whether it must be there.
        roots: Folders that files may be in; the project by default.

    Raises:
        ValueError: If it leads out of all roots.
        FileNotFoundError: If it is missing.
    """
    folders = [Path(root).resolve() for root in roots]
    wanted = os.path.expanduser(path)
    places = [(folder / wanted).resolve() for folder in folders]  # an absolute path stays as it is
    inside = [
        place for place, folder in zip(places, folders, strict=True) if place.is_relative_to(folder)
    ]
    if not inside:
        raise ValueError(
            f"'{path}' is outside of the allowed folders ({', '.join(map(str, folders))})"
        )
    found = [place for place in inside if place.exists()]
    if must_exist and not found:
        raise FileNotFoundError(f"there is no '{path}' in {', '.join(map(str, folders))}")
    return (found or inside)[0]
