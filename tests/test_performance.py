"""Does docs/performance.md show what `make bench` measures today: every figure, none that is gone, and what is missed as missed?"""

import copy
import json
import re
from typing import Any

import pytest

from tests.bench.__main__ import modules, promised
from tests.bench.figure import curve, figure, parts, unmeasured
from tests.docs_of_performance import CURVES, GROUPS, MACHINE, curves_over, drawn, kept, lacking, picture, tables

DOCUMENT = kept()
FIGURES = DOCUMENT["figures"]


def rows(page: str) -> dict[str, list[str]]:
    """The cells of each row of the tables, by the figure's name."""
    found = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in found if cells[0] != "figure"}


def test_every_figure_that_is_measured_is_kept_and_none_that_is_gone() -> None:
    assert lacking(DOCUMENT) == []


def test_a_figure_that_is_gone_or_new_is_found() -> None:
    other = copy.deepcopy(DOCUMENT)
    was = other["figures"][0]["name"]
    other["figures"][0]["name"] = "another"
    assert lacking(other) == ["no longer measured: another", f"not there: {was}"]


def test_no_two_figures_have_one_name_and_each_module_has_a_place_on_the_page() -> None:
    names = [name for module in modules() for name in promised(module)]
    assert len(names) == len(set(names))
    assert sorted(module for _, of in GROUPS for module in of) == modules()


def test_each_figure_stands_on_the_page_with_its_target_and_what_is_missed_is_missed() -> None:
    on_page = rows(tables(DOCUMENT))
    assert list(on_page) == sorted((one["name"] for one in FIGURES), key=list(on_page).index)
    for one in FIGURES:
        _, ratio, target, met, _ = on_page[one["name"]]
        sign, bound = parts(one["target"])
        assert target.startswith({"<=": "≤ ", ">=": "≥ ", "<": "&lt; "}.get(sign, f"{sign} "))
        assert float(target.rpartition(" ")[2].replace(",", "")) == bound
        assert met == {True: "yes", False: "**missed**", None: "not measured"}[one["met"]]
        assert one["met"] is None or one["met"] == figure("x", one["value"], "", one["target"], "")["met"]
        assert ("ratio" in one) == ("×" in ratio) or one["value"] is None


def made(**of: Any) -> dict[str, Any]:
    figures = [
        {**figure("met", 1, "s", "<= 2", "a", over=("bare", 1.5)), "module": "startup", "others": 0.0},
        {**figure("not met", 3, "x", "<= 2", "b"), "module": "startup", "others": of.get("others", 0.0)},
        {**unmeasured("open", "s", "<= 2", "no disk"), "module": "startup", "others": 0.0},
    ]
    machine = {"at": "today", "program": "abc", "cores": 2, "processor": "any", "python": "3", "sqlite": "3"}
    return {"machine": machine, "figures": figures}


def test_a_missed_target_is_named_at_the_top_and_in_its_row_and_a_busy_machine_is_told() -> None:
    page = tables(made(others=0.31))
    assert "1 of 2 targets were met: missed are not met." in page
    assert "Others used the machine meanwhile: 31% of it during startup." in page
    assert rows(page) == {
        "met": ["1 s", "1.5 × bare", "≤ 2", "yes", "a"],
        "not met": ["3 x", "itself", "≤ 2", "**missed**", "b"],
        "open": ["not measured", "–", "≤ 2", "not measured", "not measured: no disk"],
    }


def test_the_page_tells_of_the_machine_what_matters_and_not_where_it_stands() -> None:
    assert set(DOCUMENT["machine"]) <= {*MACHINE, "load"}
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|usr|opt)/", json.dumps(DOCUMENT))


@pytest.mark.parametrize("over", CURVES)
def test_each_curve_is_drawn_from_the_figures_that_are_kept(over: str) -> None:
    assert picture(over).read_text("utf-8") == drawn(CURVES[over], curves_over(DOCUMENT, over))


@pytest.mark.parametrize(("over", "least", "most"), [("bars", 1e3, 1e7), ("assets", 1, 100), ("accounts", 1, 100), ("entries", 1e3, 1e5)])
def test_each_curve_goes_from_the_least_to_the_most(over: str, least: float, most: float) -> None:
    sizes = [size for line in curves_over(DOCUMENT, over)["lines"] for size, _ in line["points"]]
    assert min(sizes) <= least
    assert max(sizes) >= most


def test_a_line_twice_as_high_is_drawn_higher_and_every_point_is_there() -> None:
    svg = drawn("t", curve("bars", "ms", ("a", [(10, 1.0), (100, 2.0)]), ("b", [(10, 2.0), (100, 4.0)])))
    heights = [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', svg)]
    assert len(heights) == 4
    assert heights[2] < heights[0]
    assert heights[3] < heights[1] == heights[2]
