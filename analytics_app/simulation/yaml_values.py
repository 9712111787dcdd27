"""Values of a YAML file that know their line, and the problems that were found in them."""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import yaml

_T = TypeVar("_T")
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong in `line` (from 1)."""

    line: int
    message: str


class Unreadable(Exception):  # noqa: N818 (not an error of the program: the problem is in the list)
    """This value is of no use; why is in the problems already."""


class Value:
    """One value of the file. What it does not hold as asked goes to `problems`, and Unreadable is raised."""

    def __init__(self, node: Any, name: str, problems: list[Problem], line: int | None = None) -> None:
        self.name = name
        self.line: int = node.start_mark.line + 1 if line is None else line
        self.problems = problems
        self._node = node

    def refuse(self, message: str) -> Unreadable:
        """Note a problem of this value; raise what it gives where nothing can go on without it."""
        self.problems.append(Problem(self.line, f"{self.name} {message}"))
        return Unreadable()

    def fields(self, required: str, optional: str = "") -> "Fields":
        """A mapping with these names, separated by blanks, and no others."""
        return Fields(self, dict(self.pairs()), required.split(), optional.split())

    def pairs(self) -> Iterator[tuple[str, "Value"]]:
        """The members of a mapping."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.refuse("must be a mapping: lines of `name: value`.")
        seen = set()
        for key, node in self._node.value:
            name = str(key.value)
            value = Value(node, name, self.problems, key.start_mark.line + 1)
            if name in seen:
                value.refuse("is there twice.")
            seen.add(name)
            yield name, value

    def items(self) -> list["Value"]:
        """The items of a list, one at least."""
        if not isinstance(self._node, yaml.SequenceNode) or not self._node.value:
            raise self.refuse("must be a list with one item at least.")
        return [Value(node, f"{self.name}[{at}]", self.problems) for at, node in enumerate(self._node.value)]

    def is_mapping(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    def is_list(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    def text(self) -> str:
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value:
            raise self.refuse("must be a text.")
        return str(self._node.value)

    def number(self, low: float, high: float) -> float:
        if not isinstance(self._node, yaml.ScalarNode) or self._node.tag not in _NUMBERS:
            raise self.refuse("must be a number.")
        value = float(yaml.safe_load(self._node.value))
        if not low <= value <= high:
            raise self.refuse(f"is {value:g}; it must be from {low:g} to {high:g}.")
        return value

    def whole(self, low: int, high: int) -> int:
        value = self.number(low, high)
        if value != int(value):
            raise self.refuse("must be a whole number.")
        return int(value)

    def flag(self) -> bool:
        if not isinstance(self._node, yaml.ScalarNode) or self._node.value not in ("true", "false"):
            raise self.refuse("must be true or false.")
        return bool(self._node.value == "true")

    def scalar(self) -> Any:
        """A text, number, true or false."""
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.refuse("must be a single value.")
        return yaml.SafeLoader.construct_object(yaml.SafeLoader(""), self._node)

    def each(self, read: Callable[["Value"], _T]) -> list[_T]:
        """What `read` gives for each item; every item's problems are found."""
        return _all([(item, read) for item in self.items()])


class Fields:
    """The members of a mapping by name. Missing and unknown names are problems."""

    def __init__(self, owner: Value, found: dict[str, Value], required: list[str], optional: list[str]) -> None:
        self._owner = owner
        self._found = found
        self.complete = True
        for name, value in found.items():
            if name not in required and name not in optional:
                close = difflib.get_close_matches(name, [*required, *optional], 1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join([*required, *optional])}."
                value.refuse(f"is no name of {owner.name}; {hint}")
        for name in required:
            if name not in found:
                owner.refuse(f"lacks {name}.")
                self.complete = False

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def read(self, **readers: Callable[[Value], Any]) -> dict[str, Any]:
        """The value of each name that is there, by its reader. Raises Unreadable when one is of no use."""
        found = [(self._found[name], read) for name, read in readers.items() if name in self._found]
        values = _all(found)
        if not self.complete:
            raise Unreadable
        return dict(zip((value.name for value, _ in found), values, strict=True))


def _all(readings: list[tuple[Value, Callable[[Value], _T]]]) -> list[_T]:
    """What each reading gives. Raises Unreadable after all of them when one did."""
    values, readable = [], True
    for value, read in readings:
        try:
            values.append(read(value))
        except Unreadable:
            readable = False
    if not readable:
        raise Unreadable
    return values
