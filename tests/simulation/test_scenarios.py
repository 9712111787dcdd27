"""Scenario files: those of the product, and what is said about a faulty one."""

from pathlib import Path

import pytest

from analytics_app.simulation.scenario_file import SHIPPED, ScenarioError, find, load, shipped
from tests.simulation.worlds import NAMES

SHOP = (SHIPPED / "shop.yaml").read_text()


def told(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_product_has_three() -> None:
    assert {path.stem for path in shipped()} == set(NAMES)
    for path in shipped():
        scenario = load(path)
        assert scenario.name == path.stem
        assert len(scenario.funnel.steps) >= 4


def test_one_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text(SHOP)
    assert load(find("shop")) == load(find(str(copy)))
    with pytest.raises(FileNotFoundError, match=r"shpo is neither a scenario \(game, saas, shop\) nor a file"):
        find("shpo")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  churn: 0.06", "  churn: 6%", "churn must be a number."),
        ("  churn: 0.06", "  churn: 1.5", "churn is 1.5; it must be from 0 to 1."),
        ("  initial: 3000 ", "  initial: 3000.5 ", "initial must be a whole number."),
        ("  initial: 3000 ", "  inital: 3000 ", "inital is no name of people; did you mean initial?"),
        ("  known: 0.3 ", "  known: 0.3\n  known: 0.4 ", "known is there twice."),
        ("timezone: Europe/Berlin", "timezone: Europe/Berln", "timezone is Europe/Berln, which is no timezone"),
        ("[95, 92, 94,", "[92, 94,", "weekdays has 6 weights; it must have 7."),
        ("weekday: tue", "weekday: Tuesday", "weekday is Tuesday; it must be one of mon,"),
        ("currency: CHF", "currency: CHE", "places[5] has the currency CHE, which is not among the currencies."),
        ("  JPY: {rate", "  Yen: {rate", "Yen is no currency; a code has three capital letters"),
        ("start: home", "start: hom", "start is hom, which is no state."),
        ("{cart: 0.22,", "{basket: 0.22,", "basket is no state."),
        ("next: {thanks: 0.9}", "next: {thanks: 1.9}", "thanks is 1.9; it must be from 0 to 1."),
        ("search: 0.15, blog: 0.1", "search: 0.55, blog: 0.1", "home has chances in next whose sum is more than 1"),
        ("page: /cart\n", "page: cart\n", "page is cart; a path begins with /."),
        ("    revenue: {39.9: 34", "    revenue: {much: 34", "revenue must have numbers"),
        ("    revenue: {39.9: 34", "    revenue: {-1: 34", "revenue has a price that is not more than 0"),
        ("{between: [0, 48]}", "{between: [48, 0]}", "between must be two whole numbers, the lower one first."),
        ("CHECKOUT, REVENUE]", "CHEKOUT, REVENUE]", "funnel has the step CHEKOUT, which no state sends."),
        ("within: 3600 ", "within: 3601 ", "within is 3601; it must be seconds that make whole minutes."),
        ("dwell: 2,", "dwell: [2],", "dwell must be a number."),
        ("identifies: true, dwell: 20", "identifies: maybe, dwell: 20", "identifies must be true or false."),
    ],
)
def test_a_fault_is_explained_by_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = SHOP.replace(old, new, 1)
    assert text != SHOP
    problems = told(tmp_path, text)
    line = line_of(SHOP, old)
    assert any(message in problem and abs(int(problem.split(":")[0]) - line) <= 12 for problem in problems), problems


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = SHOP.replace("churn: 0.06", "churn: x", 1).replace("start: home", "start: [home]", 1)
    text = text.replace("timezone: Europe/Berlin", "timezone: Nowhere", 1)
    problems = told(tmp_path, text)
    wanted = [line_of(text, "churn: x"), line_of(text, "timezone: Nowhere"), line_of(text, "start: [home]")]
    assert [int(problem.split(":")[0]) for problem in problems] == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: The file is empty."),
        ("- a", "1: the scenario must be a mapping"),
        ("name: shop\n  site: [", "2: This is not YAML"),
        ("name: shop", "1: the scenario lacks people."),
    ],
)
def test_what_is_no_scenario_at_all(tmp_path: Path, text: str, message: str) -> None:
    assert any(problem.startswith(message) for problem in told(tmp_path, text))


def test_somewhere_nobody_leaves(tmp_path: Path) -> None:
    text = SHOP.replace("dwell: 60, next: {blog: 0.3, home: 0.15, products: 0.1}", "dwell: 60, next: {blog: 1}")
    assert any("blog has no way out" in problem for problem in told(tmp_path, text))
