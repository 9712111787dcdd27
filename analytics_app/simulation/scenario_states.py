"""The states of a scenario file, with their properties and prices."""

from typing import Any, Final

from analytics_app.simulation import scenario as model
from analytics_app.simulation.yaml_values import Value

_MOST_DIGITS: Final = 10**12


def read_states(value: Value) -> list[tuple[Value, dict[str, Any]]]:
    """For each state its value, and its fields with the names of `next` still to be looked up."""
    states = [(of, _state(of)) for _, of in value.pairs()]
    if not states:
        raise value.refuse("must have one state at least.")
    return states


def read_choice(value: Value) -> model.Choice:
    """A list of values with equal shares, or a mapping from values to shares."""
    if value.is_mapping():
        pairs = list(value.pairs())
        shares = [of.number(0.000001, 1_000_000) for _, of in pairs]
        return model.Choice(tuple(name for name, _ in pairs), tuple(shares))
    values = value.each(Value.scalar)
    return model.Choice(tuple(values), (1.0,) * len(values))


def _state(value: Value) -> dict[str, Any]:
    fields = value.fields("event dwell", "page title identifies revenue properties next")
    found = fields.read(
        event=_event_type,
        dwell=lambda of: of.number(0, 86_400),
        page=_path,
        title=Value.text,
        identifies=Value.flag,
        revenue=_prices,
        properties=lambda of: {name: _property(one) for name, one in of.pairs()},
        next=lambda of: [(name, one, one.number(0, 1)) for name, one in of.pairs()],
    )
    if "page" in found and "title" not in found:
        value.refuse("has a page and lacks its title.")
    if sum(chance for _, _, chance in found.get("next", ())) > 1.000001:
        value.refuse("has chances in next whose sum is more than 1; what is missing to 1 leaves.")
    return found


def _event_type(value: Value) -> str:
    text = value.text()
    if len(text) > 200:
        raise value.refuse("has more than 200 characters.")
    return text


def _path(value: Value) -> str:
    path = value.text()
    if not path.startswith("/"):
        raise value.refuse(f"is {path}; a path begins with /.")
    return path


def _prices(value: Value) -> model.Choice:
    choice = read_choice(value)
    try:
        prices = tuple(float(price) for price in choice.values)
    except (TypeError, ValueError):
        raise value.refuse("must have numbers: a list of prices, or prices with their shares.") from None
    if not all(0 < price <= 1_000_000 for price in prices):
        raise value.refuse("has a price that is not more than 0 and at most 1000000.")
    return model.Choice(prices, choice.shares)


def _property(value: Value) -> model.Property:
    """`[a, b]`, `{a: 3, b: 1}`, `{between: [1, 9]}`, `{id: order}` or a single value."""
    if not value.is_mapping():
        return read_choice(value) if value.is_list() else model.Choice((value.scalar(),), (1.0,))
    found = dict(value.pairs())
    if set(found) == {"between"}:
        low, high = _bounds(found["between"])
        return model.Between(low, high)
    if set(found) == {"id"}:
        return model.Identifier(found["id"].text())
    return read_choice(value)


def _bounds(value: Value) -> tuple[int, int]:
    bounds = value.each(lambda of: of.whole(-_MOST_DIGITS, _MOST_DIGITS))
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        raise value.refuse("must be two whole numbers, the lower one first.")
    return bounds[0], bounds[1]
