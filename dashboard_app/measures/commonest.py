"""The commonest of many things that were counted. Pure."""

import numpy as np

from dashboard_app.rollup.layout import Numbers


def commonest(counts: Numbers, top: int) -> Numbers:
    """The places of the `top` highest counts, and of those that are as high as the last of them; of none that is 0."""
    found = np.flatnonzero(counts)
    if len(found) > top:
        found = found[counts[found] >= np.partition(counts[found], -top)[-top]]
    return found
