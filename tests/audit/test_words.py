"""What a holder reads: every event has a sentence, an order its life, a decision its reasons; and the record leaves as a file."""

import csv
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.audit.explain import NotOnRecord, explain, leg_story
from bot.audit.export import export
from bot.audit.sentences import sentence
from bot.core.decision import Transfer
from bot.core.events import (
    ALL,
    AlertRaised,
    BagDeclared,
    BagFollowed,
    BalanceSeen,
    Checkpointed,
    CoinsMoved,
    CommandGiven,
    ContractChanged,
    ContractPinned,
    DeadManSet,
    ErrorSeen,
    FillSeen,
    FundingSeen,
    Halted,
    LegHalted,
    LookedInVain,
    PositionUnexplained,
    QueueSeen,
    RunEnded,
    TransferIntended,
    TransferMoved,
    TransferSought,
)
from bot.core.model import ContractSpec, Fill, FundingPayment, Kind, OrderStatus, Side, TransferStatus
from tests.api.worlds import decision, leg
from tests.audit.worlds import NOW, SYMBOL, intent, session


@pytest.fixture
async def told(store):
    await store.append(session(store.instance))
    return store


def followed(astray: str, added: str) -> BagFollowed:
    none = Decimal(0)
    return BagFollowed("BTC", Decimal("2.5"), Decimal(2), none, none, Decimal(astray), None, Decimal(added), NOW)


MOVED_IN = Transfer("hbt1", "BTC", Decimal("1.50"), 1, "leverage is above low 1.8")
SPEC = ContractSpec(SYMBOL, Kind.INVERSE, "BTC", Decimal(100), Decimal("0.5"), Decimal(1), 1, Decimal(0))
OTHERS = [
    (RunEnded("run-1", True, "SIGTERM", NOW), "The bot stopped (SIGTERM); no order of ours is left."),
    (RunEnded("run-1", False, "SIGTERM", NOW), "it could not be shown that no order of ours is left."),
    (CommandGiven("target-set", "cli", NOW, "BTC", Decimal("0.5"), NOW), "`target-set BTC 0.5` until 2023-11-14 22:13:20 UTC by cli."),
    (CommandGiven("kill", "api", NOW, reason="storm"), "Command `kill` by api: storm."),
    (intent("hbdry", status=OrderStatus.DRY_RUN), "this is a dry-run (hbdry)."),
    (LookedInVain("hbaa1second", SYMBOL, NOW, 1), "did not see it."),
    (QueueSeen("hbaa1second", SYMBOL, 1200, False, NOW, 1), "hbaa1second is at the best price, at most 1,200 contracts ahead of it."),
    (QueueSeen("hbaa1second", SYMBOL, None, True, NOW, 1), "hbaa1second is behind the best price."),
    (CoinsMoved("BTC", Decimal("-0.50"), NOW), "0.5 BTC moved out of the account"),
    (followed("0", "0.5"), "show 2.5 BTC; 0.5 BTC came."),
    (followed("-0.5", "0"), "show 2.5 BTC; 0.5 BTC are on neither side: under way."),
    (followed("0", "0"), "show 2.5 BTC; what moved between them and the account is accounted for."),
    (BagDeclared("BTC", Decimal(2), None, NOW), "declared as 2 BTC."),
    (PositionUnexplained("BTC", SYMBOL, -10, 0, NOW, 1), "shows no position, our trades explain short 10 contracts; no new risk"),
    (ContractPinned("BTC", SPEC, "ab12" * 16, "", NOW), "pinned at first sight: SHA-256 ab12ab12ab12 (type inverse, settle currency BTC,"),
    (ContractPinned("BTC", SPEC, "ab12" * 16, "cd34" * 16, NOW), "is accepted in place of cd34cd34cd34: SHA-256 ab12ab12ab12"),
    (ContractChanged("BTC", SPEC, replace(SPEC, tick=Decimal("0.1")), "ab", "cd", NOW), "(tick 0.5 → 0.1); BTC places nothing until"),
    (ContractChanged("BTC", SPEC, SPEC, "ab", "ab", NOW), "at the venue as it was pinned again."),
    (LegHalted("BTC", "position against the hedge", NOW), "BTC is halted: position against the hedge."),
    (Halted("turnover", "too much", NOW), "halted by the check on turnover: too much; nothing is sent until `hedgebot rearm --reason`."),
    (TransferIntended(MOVED_IN, 1, 1, TransferStatus.INTENT, NOW, 1), "transfer hbt1: move 1.5 BTC from the venue's spot wallet into the"),
    (
        TransferIntended(replace(MOVED_IN, coins=Decimal(-1)), 1, 1, TransferStatus.DRY_RUN, NOW, 1),
        "Would move 1 BTC from the account back",
    ),
    (TransferMoved("hbt1", "BTC", Decimal(1), TransferStatus.INTENT, TransferStatus.REFUSED, "no", NOW, 1), "refused by the venue"),
    (TransferSought("hbt1", "BTC", NOW, 1), "Looked for transfer hbt1 in the venue's history and did not see it."),
    (DeadManSet(60_000, NOW), "unless it hears from us within 60 seconds."),
    (DeadManSet(0, NOW), "dead man's switch was stopped."),
    (Checkpointed(41, "ab12" * 16, "", "", None, "old.db", NOW), "entries up to 41 (hash ab12ab12ab12"),
    (AlertRaised("leverage", NOW), "Alert: leverage."),
    (ErrorSeen("look", "timeout", NOW), "Error in look: timeout."),
]


def test_every_kind_of_event_has_a_sentence():
    events = [*session("aa"), *(event for event, _ in OTHERS)]
    assert {type(event) for event in events} == set(ALL)
    assert all(sentence(event).endswith(".") for event in events)


@pytest.mark.parametrize(("event", "said"), OTHERS, ids=lambda part: type(part).__name__)
def test_a_sentence_says_what_happened(event, said):
    assert said in sentence(event)


def test_fees_funding_and_wallets_are_told_in_the_currency_of_their_contract():
    fill = Fill("t1", "hbaa1first", "SOL/USDT:USDT", Side.SELL, 10, Decimal(150), Decimal("0.3"), True, NOW)
    paid = FundingPayment("f1", "SOL/USDT:USDT", Decimal("-0.0001"), Decimal(150), Decimal("-1.2"), NOW)
    assert "; fee 0.3 USDT; short 10 contracts after it." in sentence(
        FillSeen("SOL", fill, True, Decimal(150), Decimal(0), -10, Decimal(150))
    )
    assert "paid 1.2 USDT at rate" in sentence(FundingSeen("SOL", paid))
    shown = BalanceSeen("SOL", "SOL/USDT:USDT", -10, Decimal(150), Decimal(5000), Decimal(5000), Decimal(150), NOW)
    assert sentence(shown).endswith("and a wallet of 5,000 USDT.")


def test_the_account_of_a_linear_contract_is_told_in_its_own_currency():
    plan = leg("SOL", spot_coins=Decimal(500), equity_coins=Decimal(400))
    (said,) = [line for line in leg_story(plan, decision(plan), None) if "Exposure" in line]
    assert said.startswith("  Exposure: 500 SOL outside and USDT worth 400 SOL in the account;")


def test_the_prices_of_a_coin_worth_next_to_nothing_are_told_with_the_digits_they_have():
    plan = leg(mark=Decimal("0.0000123436"), liquidation_price=Decimal("0.00003684255762"))
    story = "\n".join(leg_story(plan, decision(plan), None))
    assert "at a mark of 0.0000123436." in story
    assert "liquidation at 0.000036843." in story
    assert "liquidation at 119,400.38." in "\n".join(leg_story(leg(liquidation_price=Decimal("119400.379")), decision(), None))


def test_a_decision_is_told_with_its_numbers_and_its_reason(told):
    story = explain(told, "14")
    for part in (
        "under-hedged",
        "1 is asked for by the configuration",
        "2 BTC outside and 3 in the account",
        "short 100,000.00 USD; the ideal is a short of 295,002.50 USD",
        "below 293,527.49 USD or above 296,477.51 USD",
        "Leverage: 0.565",
        "→ order hb",
    ):
        assert part in story


def test_an_order_is_told_from_its_decision_to_its_end(told):
    story = explain(told, "hbaa1first")
    places = [story.index(part) for part in ("Wrote down, before sending", "signed", "open at", "Traded", "partly", "cancel", "is filled")]
    assert places == sorted(places)
    assert "Decision 3" in story
    assert "hbaa1second" not in story


def test_an_entry_about_an_order_leads_to_its_story(told):
    assert "of unknown fate" in explain(told, "16")
    assert "Wrote down" in explain(told, "#16")
    assert "Funding" in explain(told, "12")


@pytest.mark.parametrize("identity", ["0", "18", "hbnothing", "", "-1", "9" * 30])
def test_what_is_not_on_record_is_said_so(told, identity):
    with pytest.raises(NotOnRecord, match="from 1 to 17"):
        explain(told, identity)


def test_the_export_holds_every_entry_untouched(told):
    lines = [json.loads(line) for line in export(told, "jsonl")]
    assert [line["seq"] for line in lines] == list(range(1, 18))
    assert lines[11]["event"]["payment"]["coins"] == "0.00050"
    assert lines[11]["at"] == "2023-11-14T22:13:20.030Z"
    rows = list(csv.DictReader("".join(export(told, "csv", after_seq=10)).splitlines()))
    assert [row["kind"] for row in rows][:2] == ["OrderMoved", "FundingSeen"]
    assert json.loads(rows[1]["event"]) == lines[11]["event"]
    assert rows[1]["hash"] == told.entry(12).hash
