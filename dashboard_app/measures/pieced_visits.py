"""Putting sessions together from their spans, where each ends before the next begins. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboard_app.measures.asked_sessions import EXIT, AskedSessions
from dashboard_app.rollup.layout import Numbers, starts_of_runs

_Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tangled:
    """Sessions that have to be read from their rows: how many these are, and the microseconds of first and last."""

    sessions: Numbers
    events: Numbers
    first_on: Numbers
    last_on: Numbers

    def __getitem__(self, choice: npt.NDArray[np.bool_]) -> "Tangled":
        return Tangled(self.sessions[choice], self.events[choice], self.first_on[choice], self.last_on[choice])


def put_together(
    spans: dict[str, _Column], start: int, end: int, asked: AskedSessions
) -> tuple[dict[str, _Column], Tangled]:
    """What one span would have for each session, from spans with the `session` of each; and the other sessions.

    These have spans that overlap, or rows before `start` or from `end` on, in microseconds.
    """
    order = np.lexsort((spans["last_on"], spans["first_on"], spans["session"]))
    spans = {name: column[order] for name, column in spans.items()}
    tangled, is_tangled = _tangled(spans, start, end)
    spans = {name: column[~is_tangled] for name, column in spans.items()}
    begins = starts_of_runs(spans["session"])
    if not len(begins):
        return {name: spans[name] for name in asked.columns}, tangled
    ends = np.append(begins[1:], len(spans["session"])) - 1
    whole = {
        "first_on": spans["first_on"][begins],
        "last_on": spans["last_on"][ends],
        EXIT: _last(spans[EXIT], begins),
        asked.by: _first(spans[asked.by], begins),
        **_paths(spans, begins, asked.pages),
    }
    for name in ("events", "acts"):
        whole[name] = np.add.reduceat(spans[name], begins, dtype=np.int64)
    return whole, tangled


def _tangled(spans: dict[str, _Column], start: int, end: int) -> tuple[Tangled, npt.NDArray[np.bool_]]:
    """The tangled sessions, and whether each span is of one. Spans come by session and time."""
    sessions, first_on, last_on = (spans[name] for name in ("session", "first_on", "last_on"))
    begins = starts_of_runs(sessions)
    if not len(begins):
        return Tangled(sessions, sessions, sessions, sessions), np.zeros(0, bool)
    overlaps = np.zeros(len(sessions), bool)
    overlaps[1:] = (first_on[1:] <= last_on[:-1]) & (sessions[1:] == sessions[:-1])
    events = np.add.reduceat(spans["events"], begins, dtype=np.int64)
    every = Tangled(sessions[begins], events, first_on[begins], np.maximum.reduceat(last_on, begins))
    is_tangled = np.logical_or.reduceat(overlaps, begins) | (every.first_on < start) | (every.last_on >= end)
    return every[is_tangled], np.repeat(is_tangled, np.diff(begins, append=len(sessions)))


def _first(texts: _Column, begins: Numbers) -> _Column:
    """The first text of each session, 0 without any."""
    places = np.where(texts != 0, np.arange(len(texts)), len(texts))
    return np.append(texts, 0)[np.minimum.reduceat(places, begins)]


def _last(texts: _Column, begins: Numbers) -> _Column:
    places = np.where(texts != 0, np.arange(1, len(texts) + 1), 0)
    return np.append(0, texts)[np.maximum.reduceat(places, begins)]


def _paths(spans: dict[str, _Column], begins: Numbers, names: tuple[str, ...]) -> dict[str, _Column]:
    """The first pages of each session: those of its spans, one after another that is the same counted once."""
    sizes = np.diff(begins, append=len(spans["session"]))
    sessions = np.repeat(np.arange(len(begins)), sizes * len(names))
    pages = np.stack([spans[name] for name in names], axis=1).reshape(-1)
    sessions, pages = sessions[pages != 0], pages[pages != 0]
    turned = starts_of_runs(sessions, pages)
    sessions, pages = sessions[turned], pages[turned]
    first = np.searchsorted(sessions, sessions)
    found = np.zeros((len(begins), len(names)), pages.dtype)
    places = np.arange(len(sessions)) - first
    kept = places < len(names)
    found[sessions[kept], places[kept]] = pages[kept]
    return {name: found[:, number] for number, name in enumerate(names)}
