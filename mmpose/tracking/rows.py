"""Arrays with a row per person, which are chosen and joined together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

RowsType = TypeVar('RowsType', bound='Rows')


@dataclass(eq=False)
class Rows:
    """Base of data classes all of whose fields are arrays with N rows."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def select(self: RowsType, rows: ArrayLike) -> RowsType:
        """Returns some of the rows, by a mask or by numbers."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def join(self: RowsType, others: RowsType) -> RowsType:
        """Returns these rows and then others."""
        names = [field.name for field in fields(self)]
        return type(self)(
            *(np.concatenate([getattr(self, name), getattr(others, name)]) for name in names)
        )
