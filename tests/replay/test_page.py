"""`replay --report`: what happened on one page that needs nothing else, and no crash disappears from it."""

import re
from itertools import combinations
from math import dist
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("numpy")

from bot.analytics.pixels import thinned
from bot.cli_replay import MANY
from bot.drawing import BLACK, CURVES, DARK, GREEN, GREY, LIGHT, ORANGE, RED, Chart, Line, Marks, drawn, figure, said, sheet
from bot.replay_page import curve, drawdowns
from tests.cli.desk import Desk
from tests.console.browser import chromium
from tests.sweep.desk import grid

BAG = ("--prices", "prices/btc.csv", "--bag", "2", "--collateral", "3")
OUTSIDE = re.compile(r"(src|href)=|https?://(?!www\.w3\.org/2000/svg)|url\(|<script|@import")


FUNDED = ("--funding", "funding.csv")


def replayed(desk: Desk, *more: str, bars: int = 200) -> dict[str, object]:
    grid(desk.folder, bars=bars)
    rates = [f"{1_704_067_200 + 8 * 3600 * place},0.0001" for place in range(bars // 8 + 1)]  # from where the prices begin
    (desk.folder / "funding.csv").write_text("\n".join(["timestamp,rate", *rates, ""]), "utf-8")
    return desk.good("replay", *BAG, *more, "--json").json


def test_the_page_is_complete_in_itself_and_shows_every_curve_of_every_run(desk: Desk) -> None:
    said = replayed(desk, *FUNDED, "--report", "out.html", "--compare", "half:hedges.BTC.ratio=0.5,band.low=0.98", "--ratio", "1.0")
    text = (desk.folder / "out.html").read_text("utf-8")
    assert not OUTSIDE.search(text)
    for title in (
        "Value, USD",
        "Drawdown",
        "price and orders",
        "short, USD",
        "hedge ratio",
        "leverage",
        "distance to liquidation",
        "Funding",
        "Fees",
    ):
        assert title in text
    pictures = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(pictures) == 9
    for one in pictures:
        ElementTree.fromstring(one)
    half = said["runs"]["half"]
    alone = desk.good("replay", *BAG, *FUNDED, "--ratio", "0.5", "--set", "band.low=0.98", "--json").json
    assert {name: half[name] for name in alone if name != "seconds"} == {name: alone[name] for name in alone if name != "seconds"}
    cells = re.findall(r"<td>(.*?)</td>", text)
    ends = cells[cells.index("value at the end, USD") :][1:4]
    assert ends == [f"{float(one):,.0f}" for one in (said["value_end_usd"], half["value_end_usd"], said["unhedged_value_end_usd"])]
    reduced = next(at for at, cell in enumerate(cells) if cell.startswith("variance taken away"))
    assert float(cells[reduced + 1].rstrip("%")) > 99
    assert float(cells[reduced + 2].rstrip("%")) == pytest.approx(75, abs=5)


def test_a_page_without_funding_rates_says_so_in_place_of_a_sum_of_nothing(desk: Desk) -> None:
    replayed(desk, "--report", "out.html")
    text = (desk.folder / "out.html").read_text("utf-8")
    assert "<td>of which funding, USD</td><td>not counted</td>" in text
    assert " (fees alone)</td>" in text
    assert "Funding received" not in text


def test_a_policy_is_shown_beside_the_same_history_always_hedged(desk: Desk) -> None:
    said = replayed(desk, "--policy", "ramp:days=2", "--report", "out.html", bars=72)
    assert said["runs"]["always"]["value_end_usd"] == said["compared"]["always"]["value_end_usd"] != said["value_end_usd"]
    assert ">always</th>" in (desk.folder / "out.html").read_text("utf-8")


def test_the_charts_are_one_picture_too(desk: Desk) -> None:
    pytest.importorskip("vl_convert")
    replayed(desk, "--png", "out.png", bars=60)
    assert (desk.folder / "out.png").read_bytes().startswith(b"\x89PNG")
    replayed(desk, "--png", "out.svg", bars=60)
    ElementTree.fromstring((desk.folder / "out.svg").read_text("utf-8"))


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--compare", "half"), 2, "--compare half: write NAME:KEY=VALUE"),
        (("--compare", "this:band.low=0.9"), 2, "that name is taken"),
        (("--compare", "half:hedges.BTC.ratios=1"), 4, "hedges.BTC.ratios is not a key that exists"),
        (("--png", "out.gif"), 2, "a picture ends in .svg or .png"),
        (("--report", "no/out.html"), 2, "--report no/out.html: there is no folder no; make it"),
        (("--png", "no/out.svg"), 2, "--png no/out.svg: there is no folder no; make it"),
        (("--report", "prices"), 2, "--report prices: is a folder; name a file"),
        (("--report", "/proc/out.html"), 2, "--report /proc/out.html: cannot be written ("),
        (("--report", "prices/btc.csv"), 2, "--report prices/btc.csv: would be written over prices/btc.csv; name another file"),
        (("--report", "link.html"), 2, "--report link.html: would be written over prices/btc.csv"),
        (("--report", "one.svg", "--png", "./one.svg"), 2, "--png one.svg: would be written over one.svg"),
    ],
)
def test_what_cannot_be_drawn_or_compared_is_refused_by_name(desk: Desk, args: tuple[str, ...], code: int, words: str) -> None:
    grid(desk.folder, bars=24)
    (desk.folder / "link.html").symlink_to("prices/btc.csv")
    before = (desk.folder / "prices" / "btc.csv").read_bytes()
    answer = desk.hb("replay", *BAG, *args)
    assert (answer.code, words in answer.err, answer.out) == (code, True, ""), answer
    assert (desk.folder / "prices" / "btc.csv").read_bytes() == before


@pytest.mark.parametrize(("option", "name"), [("--report", "out.html"), ("--png", "out.svg")])
def test_a_full_disk_costs_neither_the_answer_nor_the_page_that_was_there(desk: Desk, option: str, name: str) -> None:
    alone = replayed(desk, bars=60)
    (desk.folder / name).write_text("of last year", "utf-8")
    answer = desk.hb("replay", *BAG, option, name, "--json", largest_file=2_000)
    assert (answer.code, f"error: {option} {name}: cannot be written (" in answer.err) == (1, True), answer
    assert {**answer.json, "seconds": 0} == {**alone, "seconds": 0}
    assert (desk.folder / name).read_text("utf-8") == "of last year"
    assert not list(desk.folder.glob("*.part"))


def test_a_page_replaces_an_older_one_and_follows_a_link_and_leaves_devices_alone(desk: Desk) -> None:
    (desk.folder / "old.html").write_text("of last year", "utf-8")
    (desk.folder / "link.html").symlink_to("old.html")
    replayed(desk, "--report", "link.html", bars=24)
    assert (desk.folder / "link.html").is_symlink()
    assert "Drawdown" in (desk.folder / "old.html").read_text("utf-8")
    replayed(desk, "--report", "/dev/null", bars=24)
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("others", [1, 3, 7])
def test_phone_and_desk_show_the_page_without_scrolling_sideways_light_and_dark(desk: Desk, others: int) -> None:
    runs = [("--compare", f"the{place}th-of-them:hedges.BTC.ratio=0.{place}") for place in range(1, others + 1)]
    replayed(desk, "--report", "out.html", *(word for one in runs for word in one), "--compare", f"{'x' * 60}:band.low=0.98", bars=24)
    with chromium() as browser:
        papers = set()
        for scheme, width in (("light", 390), ("dark", 390), ("light", 1280)):
            page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
            page.goto((desk.folder / "out.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.locator(".plot svg").first.bounding_box()["height"] > 150
            label = page.locator(".plot .y").first
            assert float(label.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")) >= 11
            box = label.bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= page.locator(".plot svg").first.bounding_box()["x"]
            papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            name, last = page.locator("td").first, page.locator("th").last
            before, far = name.bounding_box()["x"], last.bounding_box()["x"]
            page.locator(".wide").evaluate("one => one.scrollLeft = 9999")
            assert name.bounding_box()["x"] == before
            assert width > 390 or last.bounding_box()["x"] < far
        assert len(papers) == 2


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_eight_runs_and_all_marks_have_colours_that_the_eye_tells_apart(colours: tuple[str, ...]) -> None:
    for one, other in combinations(colours, 2):
        assert dist(lab(one), lab(other)) > 20, (one, other)
    lines = [curve(place, "", [0], [0]) for place in range(2 * CURVES)]
    assert len({(line.colour, line.dashed) for line in lines}) == 2 * CURVES >= 16
    assert not {line.colour for line in lines} & {BLACK, ORANGE, GREEN, RED, GREY}


def lab(colour: str) -> tuple[float, float, float]:
    """CIELAB, in which distances are about as the eye sees them."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    xyz = (
        (0.4125 * r + 0.3576 * g + 0.1804 * b) / 0.9505,
        0.2127 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9503 * b) / 1.089,
    )
    x, y, z = (one ** (1 / 3) if one > 0.008856 else 7.787 * one + 16 / 116 for one in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_a_distance_that_is_infinite_is_named_so_and_has_no_colour() -> None:
    away = [Line("this", [0, 1], [2, 3], 0), Line("half", [0, 1], [float("inf")] * 2, 1)]
    shown = figure(Chart("x", away))
    assert f'k{GREY}">half: infinite<' in shown
    assert 'k0">this<' in shown
    assert f'k{GREY}">half: infinite<' in figure(Chart("x", away[1:]))
    assert "half: infinite" in sheet("all", [Chart("x", away)])


def test_a_distance_beyond_the_most_that_is_drawn_does_not_flatten_the_others() -> None:
    lines = [Line("this", [0, 1, 2], [0.8, 90_000, 1.2], 0), Line("half", [0, 1, 2], [90_000, float("inf"), 70], 1)]
    shown = drawn(Chart("x", lines, percent=True, most=10))
    assert shown.names == [("this", 0), ("half: above 1,000 %", GREY)]
    assert {label for _, label in shown.labels} == {"80 %", "100 %", "120 %"}
    assert "L" not in shown.paths  # no line leads over what is left out


def test_names_that_do_not_fit_beside_each_other_go_on_below_in_the_picture() -> None:
    lines = [Line(f"a-rather-long-name-{at}", [0, 1], [0, at], at) for at in range(8)]
    tree = ElementTree.fromstring(sheet("x", [Chart("x", lines)]))
    width = float(tree.get("width", "0"))
    names = [one for one in tree.iter("{http://www.w3.org/2000/svg}text") if (one.text or "").startswith("a-rather")]
    assert len({one.get("y") for one in names}) > 1
    assert all(float(one.get("x", "0")) + 7 * len(one.text or "") < width for one in names)


def test_the_documentation_says_from_how_many_bars_on_a_replay_tells_that_it_steps() -> None:
    assert f"if there are more than {MANY:,} bars" in Path("docs/replay.md").read_text("utf-8")


def test_no_crash_disappears_however_many_points_fall_on_a_pixel() -> None:
    values = [100.0] * 100_000
    values[77_777], values[12_345] = 1.0, 300.0
    (piece,) = thinned(range(100_000), values, 800)
    assert len(piece) <= 4 * 800
    assert (77_777.0, 1.0) in piece
    assert (12_345.0, 300.0) in piece
    assert (piece[0], piece[-1]) == ((0.0, 100.0), (99_999.0, 100.0))
    assert piece == sorted(piece)


def test_where_a_value_is_unknown_the_curve_is_interrupted() -> None:
    nan = float("nan")
    pieces = thinned([0, 1, 2, 3, 4, 5], [1, 2, nan, 4, float("inf"), 6], 10)
    assert pieces == [[(0.0, 1.0), (1.0, 2.0)], [(3.0, 4.0)], [(5.0, 6.0)]]
    assert thinned([], [], 10) == []


def test_a_chart_of_nothing_says_so_and_names_are_escaped() -> None:
    assert "nothing to show" in figure(Chart("a & b", [Line("x", [0, 1], [float("nan")] * 2, 0)]))
    shown = figure(Chart("<b>", [Line("<i>", [0, 1], [1, 1], 0)], [Marks("sold", 1, [(0.5, 1)])]))
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert 'class="mark c1"' in shown
    ElementTree.fromstring(sheet("a & b", [Chart("c & d", [Line("e & f", [0, 1], [1, 2], 0)])]))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-40.0, 3.0), (99_000.0, 101_000.0), (1e-6, 2e-6)])
def test_the_labels_of_a_chart_are_round_and_inside(low: float, high: float) -> None:
    labels = [label for _, label in drawn(Chart("x", [Line("x", [0, 1], [low, high], 0)])).labels]
    assert 2 <= len(labels) <= 6
    assert len(set(labels)) == len(labels)


def test_a_drawdown_is_measured_from_the_highest_value_so_far() -> None:
    assert drawdowns([100, 50, 200, 150]) == [0, -0.5, 0, -0.25]


def test_a_page_can_be_written_where_nothing_was_traded(desk: Desk, tmp_path: Path) -> None:
    replayed(desk, "--ratio", "0", "--report", str(tmp_path / "flat.html"), bars=24)
    assert "Drawdown" in (tmp_path / "flat.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("value", "percent", "shown"),
    [
        (0.0000125, False, "0.0000125"),
        (0.5, False, "0.5"),
        (0.0, False, "0"),
        (-1.25, False, "-1.25"),
        (40_000_000_000.0, False, "40,000,000,000"),
        (60_000.0, False, "60,000"),
        (-0.05, True, "-5 %"),
        (26_213_400.0, True, "2,621,340,000 %"),
    ],
)
def test_an_axis_is_lettered_without_exponents(value, percent, shown):
    assert said(value, percent=percent) == shown
