"""Scenarios as YAML files: those of the product by name, and those of the user by path.

`docs/simulate.md` describes the format.
"""

from pathlib import Path
from typing import Final

import yaml

from analytics_app.simulation.scenario import Scenario
from analytics_app.simulation.scenario_reading import read_scenario
from analytics_app.simulation.yaml_values import Problem, Unreadable, Value

SHIPPED: Final = Path(__file__).parent / "scenarios"
DEFAULT: Final = "shop"


class ScenarioError(Exception):
    """The file is no scenario; `problems` has why, by line."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(f"{path}:{problem.line}: {problem.message}" for problem in self.problems))


def shipped() -> list[Path]:
    """The files of the product's own scenarios."""
    return sorted(SHIPPED.glob("*.yaml"))


def find(name: str) -> Path:
    """The file of the scenario `name`, or `name` itself when it is a file's path. Raises FileNotFoundError."""
    own = SHIPPED / f"{name}.yaml"
    path = own if own in shipped() else Path(name)
    if not path.is_file():
        names = ", ".join(file.stem for file in shipped())
        raise FileNotFoundError(f"{name} is neither a scenario ({names}) nor a file.")
    return path


def load(path: Path) -> Scenario:
    """Read a scenario. Raises ScenarioError, OSError."""
    problems: list[Problem] = []
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        raise ScenarioError(path, [Problem(1, "The file is not UTF-8.")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(path, [Problem(line, f"This is not YAML: {error.problem}.")]) from None
    if node is None:
        raise ScenarioError(path, [Problem(1, "The file is empty.")])
    try:
        scenario = read_scenario(Value(node, "the scenario", problems))
    except Unreadable:
        raise ScenarioError(path, problems) from None
    if problems:
        raise ScenarioError(path, problems)
    return scenario
