"""The parts of a scenario file but for its states."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from analytics_app.simulation import scenario as model
from analytics_app.simulation.scenario_checks import check_scenario
from analytics_app.simulation.scenario_states import read_choice, read_states
from analytics_app.simulation.yaml_values import Value

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_PEOPLE: Final = 10_000_000


def read_scenario(value: Value) -> model.Scenario:
    """The scenario that the whole file says. Raises Unreadable, with the problems noted in `value`."""
    required = "name title site people rhythm sessions devices places versions currencies arrivals start states funnel"
    fields = value.fields(required)
    found = fields.read(
        name=Value.text,
        title=Value.text,
        site=Value.text,
        people=_people,
        rhythm=_rhythm,
        sessions=_sessions,
        devices=lambda of: tuple(of.each(_device)),
        places=lambda of: of.each(_place),
        versions=read_choice,
        currencies=_currencies,
        arrivals=lambda of: tuple(of.each(_arrival)),
        start=lambda of: (of.text(), of),
        states=read_states,
        funnel=_funnel,
    )
    return check_scenario(value, found)


def _share(value: Value) -> float:
    return value.number(0, 1)


def _people(value: Value) -> model.People:
    fields = value.fields("initial new_per_day growth churn sessions_per_week known second_device")
    return model.People(
        **fields.read(
            initial=lambda of: of.whole(1, _MOST_PEOPLE),
            new_per_day=lambda of: of.number(0, _MOST_PEOPLE),
            growth=lambda of: of.number(0, 10),
            churn=_share,
            sessions_per_week=lambda of: of.number(0.001, 10_000),
            known=_share,
            second_device=_share,
        )
    )


def _rhythm(value: Value) -> model.Rhythm:
    fields = value.fields("timezone hours weekdays", "bursts")
    return model.Rhythm(
        **fields.read(
            timezone=_timezone,
            hours=lambda of: _weights(of, 24),
            weekdays=lambda of: _weights(of, 7),
            bursts=lambda of: tuple(of.each(_burst)),
        )
    )


def _timezone(value: Value) -> str:
    name = value.text()
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise value.refuse(f"is {name}, which is no timezone such as Europe/Berlin.") from None
    return name


def _weights(value: Value, number: int) -> tuple[float, ...]:
    weights = tuple(value.each(lambda of: of.number(0, 1_000_000)))
    if len(weights) != number:
        raise value.refuse(f"has {len(weights)} weights; it must have {number}.")
    if not any(weights):
        raise value.refuse("must have one weight at least that is not 0.")
    return weights


def _burst(value: Value) -> model.Burst:
    fields = value.fields("weekday hour hours factor")
    return model.Burst(
        **fields.read(
            weekday=_weekday,
            hour=lambda of: of.whole(0, 23),
            hours=lambda of: of.whole(1, 24),
            factor=lambda of: of.number(0, 1000),
        )
    )


def _weekday(value: Value) -> int:
    name = value.text()
    if name not in _WEEKDAYS:
        raise value.refuse(f"is {name}; it must be one of {', '.join(_WEEKDAYS)}.")
    return _WEEKDAYS.index(name)


def _sessions(value: Value) -> model.Sessions:
    return model.Sessions(**value.fields("ended without_id").read(ended=_share, without_id=_share))


def _weight(value: Value) -> float:
    return value.number(0.000001, 1_000_000)


def _device(value: Value) -> model.Device:
    names = "platform os browser device_type"
    fields = value.fields("platform os device_type share", "browser user_agent")
    found = fields.read(
        **dict.fromkeys([*names.split(), "user_agent"], Value.text),
        share=_weight,
    )
    columns = {name: found[name] for name in names.split() if name in found}
    return model.Device(columns, found.get("user_agent", ""), found["share"])


def _place(value: Value) -> tuple[Value, dict[str, Any]]:
    fields = value.fields("country locale currency share")
    return value, fields.read(country=Value.text, locale=Value.text, currency=Value.text, share=_weight)


def _currencies(value: Value) -> tuple[model.Currency, ...]:
    currencies = []
    for code, of in value.pairs():
        if len(code) != 3 or not code.isalpha() or not code.isupper():
            of.refuse("is no currency; a code has three capital letters, such as EUR.")
        found = of.fields("rate", "decimals").read(
            rate=lambda of: of.number(0.000001, 1_000_000), decimals=lambda of: of.whole(0, 6)
        )
        currencies.append(model.Currency(code, found["rate"], found.get("decimals", 2)))
    if not currencies:
        raise value.refuse("must have one at least.")
    return tuple(currencies)


def _arrival(value: Value) -> model.Arrival:
    names = ("referrer", "utm_source", "utm_medium", "utm_campaign")
    found = value.fields("share", " ".join(names)).read(**dict.fromkeys(names, Value.text), share=_weight)
    return model.Arrival({name: found[name] for name in names if name in found}, found["share"])


def _funnel(value: Value) -> tuple[Value, model.Funnel]:
    fields = value.fields("name steps within")
    found = fields.read(
        name=Value.text,
        steps=lambda of: tuple(of.each(Value.text)),
        within=_whole_minutes,
    )
    return value, model.Funnel(**found)


def _whole_minutes(value: Value) -> float:
    seconds = value.number(60, 366 * 86_400)
    if seconds % 60:
        raise value.refuse(f"is {seconds:g}; it must be seconds that make whole minutes.")
    return seconds
