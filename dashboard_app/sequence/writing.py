"""Putting a day's rows into the order of time, for its sequence."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dashboard_app.rollup.numbered import Column
from dashboard_app.sequence.layout import DEVICE, KIND, VALUE_COLUMNS, WHO, Numbers, write_sequence_file


def write_sequence(column: Column, target: Path) -> None:
    """Write the sequence of a day's rows. Raises duckdb.Error and OSError."""
    moments = column("moment")
    order = _row_order(moments, column("_partition"), column("_offset"))
    numbers = {name: column(name)[order] for name in (WHO, DEVICE)}
    numbers |= {name: column(f"number_{name}")[order] for name in KIND.names or ()}
    columns = (column(f"number_{name}")[order] for name in VALUE_COLUMNS)
    write_sequence_file(target, moments[order], numbers, columns)


def _row_order(moments: Numbers, partitions: npt.NDArray[np.int32], offsets: Numbers) -> Numbers:
    """The places of the rows in the order of all three."""
    # They come nearly in the order of time, and few are of the same moment.
    order = np.argsort(moments, kind="stable")
    in_order = moments[order]
    same = in_order[1:] == in_order[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    some = order[tied]
    order[tied] = some[np.lexsort((offsets[some], partitions[some], moments[some]))]
    return order
