"""Notes of a migration: what was mapped, what is not exact and what has no counterpart."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class MigrationNotes:
    """What a migration did with each key of a foreign config, by the dotted key there.

    Attributes:
        exact: Key to what it is here, with the same effect.
        inexact: Key to what it is here, and how the effect differs.
        dropped: Key to why it has no effect on results, there or here.
        refused: Key to why it has no counterpart; such a config does not load.
    """

    exact: dict[str, str] = field(default_factory=dict)
    inexact: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
