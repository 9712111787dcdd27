"""What the parts of a scenario say of each other: names that have to be there, and ways out."""

from typing import Any

from analytics_app.simulation import scenario as model
from analytics_app.simulation.event_parts import PAGE_VIEW, SCREEN_VIEW
from analytics_app.simulation.yaml_values import Unreadable, Value
from brokerlytics.event import END_SESSION, START_SESSION


def check_scenario(value: Value, found: dict[str, Any]) -> model.Scenario:
    """The scenario whose parts were read. Problems are noted in `value`; raises Unreadable when there are any."""
    states = _states(found["states"])
    places = _places(found["places"], found["currencies"])
    start_name, start = found["start"]
    names = [state.name for state in states]
    if start_name not in names:
        start.refuse(f"is {start_name}, which is no state.")
    _check_ways_out(found["states"], states)
    funnel_value, funnel = found["funnel"]
    _check_funnel(funnel_value, funnel, states)
    if value.problems:
        raise Unreadable
    more = {"states": states, "places": places, "start": names.index(start_name), "funnel": funnel}
    return model.Scenario(**{**found, **more})


def _states(read: list[tuple[Value, dict[str, Any]]]) -> tuple[model.State, ...]:
    names = [value.name for value, _ in read]
    states = []
    for value, fields in read:
        ways = []
        for name, way, chance in fields.get("next", ()):
            if name in names:
                ways.append((names.index(name), chance))
            else:
                way.refuse("is no state.")
        states.append(
            model.State(
                name=value.name,
                event_type=fields["event"],
                dwell=fields["dwell"],
                next=tuple(ways),
                page_path=fields.get("page", ""),
                page_title=fields.get("title", ""),
                identifies=fields.get("identifies", False),
                revenue=fields.get("revenue"),
                properties=fields.get("properties", {}),
            )
        )
    return tuple(states)


def _places(
    read: list[tuple[Value, dict[str, Any]]], currencies: tuple[model.Currency, ...]
) -> tuple[model.Place, ...]:
    codes = [currency.code for currency in currencies]
    places = []
    for value, fields in read:
        if fields["currency"] in codes:
            places.append(model.Place(**{**fields, "currency": codes.index(fields["currency"])}))
        else:
            value.refuse(f"has the currency {fields['currency']}, which is not among the currencies.")
    return tuple(places)


def _check_ways_out(read: list[tuple[Value, dict[str, Any]]], states: tuple[model.State, ...]) -> None:
    """Everybody leaves at last: from every state there is a way to one with a chance to leave."""
    leaving = {at for at, state in enumerate(states) if sum(chance for _, chance in state.next) < 0.999999}
    while True:
        more = {
            at
            for at, state in enumerate(states)
            if at not in leaving and any(to in leaving and chance > 0 for to, chance in state.next)
        }
        if not more:
            break
        leaving |= more
    for at, (value, _) in enumerate(read):
        if at not in leaving:
            value.refuse("has no way out: nobody who comes here leaves.")


def _check_funnel(value: Value, funnel: model.Funnel, states: tuple[model.State, ...]) -> None:
    types = {START_SESSION, END_SESSION, *(state.event_type for state in states)}
    if PAGE_VIEW in types:
        types.add(SCREEN_VIEW)
    for step in funnel.steps:
        if step not in types:
            value.refuse(f"has the step {step}, which no state sends.")
    if len(set(funnel.steps)) < len(funnel.steps):
        value.refuse("has a step twice.")
