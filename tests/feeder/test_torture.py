"""What `make torture` stands on: a plan that can be repeated, and an audit that sees what is wrong."""

from itertools import islice
from pathlib import Path

import pytest

from torture.audit import audit
from torture.faults import FAULTS
from torture.load import Acknowledged
from torture.plan import CONTROLS, WEIGHTS, plan

HEADER = "event_id,device_id,_partition,_offset\r\n"


def test_a_plan_is_the_same_for_the_same_seed_and_begins_with_each_fault_once() -> None:
    steps = list(islice(plan(1, WEIGHTS), 200))
    assert steps == list(islice(plan(1, WEIGHTS), 200))
    assert steps != list(islice(plan(2, WEIGHTS), 200))
    assert sorted(step.fault for step in steps[: len(WEIGHTS)]) == sorted(WEIGHTS)


def test_every_fault_of_a_plan_can_be_done() -> None:
    assert set(WEIGHTS) == set(FAULTS)
    assert {fault for weights in CONTROLS.values() for fault in weights} <= set(FAULTS)


@pytest.mark.parametrize(
    ("rows", "lost", "duplicated", "problems"),
    [
        (["e1,d1,0,0", "e2,d2,0,1"], 0, 0, 0),
        (["e1,d1,0,0"], 1, 0, 1),
        (["e1,d1,0,0", "e2,d2,0,1", "e2,d2,0,1"], 0, 1, 2),
        (["e1,d1,0,0", "e2,d2,0,1", "e1,d1,0,2"], 0, 1, 1),
        (["e2,d2,0,0", "e1,d1,0,1"], 0, 0, 2),
        (["e1,d1,0,0", "e2,d9,0,1"], 0, 0, 1),
    ],
    ids=["exact", "lost", "twice", "under two offsets", "in another's place", "changed"],
)
def test_the_audit_sees_what_is_wrong(
    tmp_path: Path, rows: list[str], lost: int, duplicated: int, problems: int
) -> None:
    data = tmp_path / "data" / "date=2026-08-22"
    data.mkdir(parents=True)
    name = f"events-p0000-{0:020d}-{9:020d}.csv"
    (data / name).write_bytes((HEADER + "".join(f"{row}\r\n" for row in rows)).encode())
    sent = Acknowledged(places={(0, 0): "e1", (0, 1): "e2"}, names=["e1", "e2"])
    result = audit(tmp_path, "events", sent)
    assert (result.lost, result.duplicated, len(result.problems)) == (lost, duplicated, problems), result.problems
