"""The fields by which a step is chosen, as the template writes them. Pure."""

from dataclasses import dataclass

from dashboard_app.presenting.bar import OPERATORS
from dashboard_app.question.conditions import Condition
from dashboard_app.question.steps import Step


@dataclass(frozen=True, slots=True)
class StepFields:
    """One editor. `parameter` is what it is called in the query, `value` what it says there."""

    parameter: str
    label: str
    value: str
    event_type: str
    conditions: tuple[Condition, ...]
    placeholder: str = ""


def step_fields(step: Step | None, parameter: str, label: str, placeholder: str = "") -> StepFields:
    """The editor of `step`, empty for None."""
    if step is None:
        return StepFields(parameter, label, "", "", (), placeholder)
    return StepFields(parameter, label, str(step), step.event_type, step.conditions, placeholder)


def step_title(step: Step) -> str:
    """A step as one line for people: `page_view, page_path is /pricing`."""
    conditions = (f"{one.column} {OPERATORS[one.operator]} {one.value}".strip() for one in step.conditions)
    return ", ".join([step.event_type, *conditions])
