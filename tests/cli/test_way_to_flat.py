"""Does it lead to the end what a start says that refuses to forget an open hedge? Each step is taken as it is written."""

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.cli.desk import QUICK, Answer, Desk
from tests.cli.test_target_document import Publisher

RUN = ("run", "--live", "--until-aligned", "--timeout", "60")


class Editor:
    """A desk with BTC and ETH on paper, whose file is edited hedge by hedge."""

    def __init__(self, desk: Desk, document: str | None = None) -> None:
        self.desk, self.said = desk, yaml.safe_load(QUICK)
        self.said["bag"]["ETH"] = {"coins": 5}
        self.said["paper"] |= {"price": {"BTC": 60000, "ETH": 3000}, "collateral": {"BTC": 3, "ETH": 20, "USDT": 400000}}
        if document is not None:
            self.said["targets"] = {"url": document, "poll_seconds": 0.2}

    def hedging(self, **hedges: dict[str, object]) -> None:
        self.said["hedges"] = hedges
        self.desk.write(json.dumps(self.said))  # no aliases where a map stands twice

    def refused(self) -> str:
        """What `run`, `plan` and `status` say alike."""
        ran, planned, told = self.desk.hb(*RUN), self.desk.hb("plan"), self.desk.good("status")
        assert (ran.code, planned.code) == (4, 4)
        assert ran.err.removeprefix("error: ") == planned.err.removeprefix("error: ")
        assert ran.err.removeprefix("error: ").strip() in told.err
        return ran.err

    def run(self) -> Answer:
        return self.desk.good(*RUN)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.go()


ONE = {"ratio": 1}
FLAT = {"ratio": 0}


def test_a_hedge_that_the_operator_gave_a_ratio_leaves_the_configuration_by_the_steps_that_are_said(desk: Desk):
    editor = Editor(desk)
    editor.hedging(BTC=ONE, ETH=ONE)
    desk.good("target", "set", "ETH", "0.5")
    editor.run()
    editor.hedging(BTC=ONE)
    steps = "back with `ratio: 0` (and take your own word back, which goes before it: `hedgebot target clear ETH`)"
    assert f"put it {steps} until it is flat, or," in editor.refused()
    held = desk.hb("release", "ETH", "--reason", "too early")
    assert f"put `hedges.ETH` {steps} and run until it is flat" in held.err
    editor.hedging(BTC=ONE, ETH=FLAT)
    desk.good("target", "clear", "ETH")
    editor.run()
    editor.hedging(BTC=ONE)
    editor.run()
    editor.hedging(BTC=ONE, ETH=ONE)
    editor.run()
    desk.good("audit", "verify")


def test_a_hedge_that_a_target_document_names_leaves_the_configuration_by_the_steps_that_are_said(desk: Desk, publisher: Publisher):
    publisher.body = json.dumps({"version": "1", "targets": {"BTC": "0.5", "ETH": "0.5"}})
    editor = Editor(desk, f"http://127.0.0.1:{publisher.port}/t.json")
    editor.hedging(BTC=ONE, ETH=ONE)
    editor.run()
    editor.hedging(BTC=ONE, ETH={"ratio": 1, "instrument": "ETH/USDT:USDT"})
    assert "until it is flat, then change it and say `hedgebot target clear ETH`, or, if" in editor.refused()
    editor.hedging(BTC=ONE, ETH={"ratio": 1, "cross": {"with": "BTC", "beta": 1}})
    assert "until it is flat, then put the cross back and say `hedgebot target clear ETH`, or, if" in editor.refused()
    editor.hedging(BTC=ONE)
    said = editor.refused()
    assert "put it back with `ratio: 0` and say `hedgebot target set ETH 0`, which goes before the target document" in said
    assert "until it is flat, then take it out, of the document too, and say `hedgebot target clear ETH`" in said
    editor.hedging(BTC=ONE, ETH=FLAT)
    desk.good("target", "set", "ETH", "0")
    editor.run()
    editor.hedging(BTC=ONE)
    publisher.body = json.dumps({"version": "1", "targets": {"BTC": "0.5"}})
    desk.good("target", "clear", "ETH")
    editor.run()
    desk.good("audit", "verify")


def test_another_contract_is_taken_by_the_steps_that_are_said(desk: Desk):
    editor = Editor(desk)
    editor.hedging(BTC=ONE)
    desk.good("target", "set", "BTC", "0.5")
    editor.run()
    other: dict[str, object] = {"ratio": 1, "instrument": "BTC/USDT:USDT"}
    editor.hedging(BTC=other)
    steps = "with `ratio: 0` (and take your own word back, which goes before it: `hedgebot target clear BTC`) until it is flat"
    assert f"write `instrument: BTC/USD:BTC` {steps}, then change it, or, if" in editor.refused()
    editor.hedging(BTC={"ratio": 0, "instrument": "BTC/USD:BTC"})
    desk.good("target", "clear", "BTC")
    editor.run()
    editor.hedging(BTC=other)
    editor.run()
    desk.good("audit", "verify")


def test_a_hedge_is_handed_to_the_contract_of_another_one_and_back_by_the_steps_that_are_said(desk: Desk):
    editor = Editor(desk)
    carried: dict[str, object] = {"ratio": 1, "cross": {"with": "BTC", "beta": 1}}
    editor.hedging(BTC=ONE, ETH=ONE)
    editor.run()
    editor.hedging(BTC=ONE, ETH=carried)
    said = editor.refused()
    assert "hedges.ETH has a cross now, but the hedge of ETH is open in ETH/USD:ETH (-" in said
    assert "write it without `cross`, with `ratio: 0` until it is flat, then put the cross back, or, if" in said
    editor.hedging(BTC=ONE, ETH=FLAT)
    editor.run()
    editor.hedging(BTC=ONE, ETH=carried)
    editor.run()
    other: dict[str, object] = {"ratio": 1, "instrument": "BTC/USDT:USDT"}
    editor.hedging(BTC=other, ETH=carried)
    assert "with `ratio: 0` (and so for ETH, which it carries) until it is flat, then change it, or, if" in editor.refused()
    editor.hedging(BTC={"ratio": 0, "instrument": "BTC/USD:BTC"}, ETH={**carried, "ratio": 0})
    editor.run()
    editor.hedging(BTC=other, ETH=carried)
    editor.run()
    editor.hedging(BTC=other, ETH=ONE)
    editor.run()
    desk.good("audit", "verify")
