"""What does a person see of a bag whose sources fail, lie, or come back? A real bot, and a local server that tells the coins."""

import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.cli.desk import QUICK, Desk, Running

BITCOIN = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
ETHEREUM = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BAG = """\
bag:
  BTC:
    coins: 0.5
    sources:
      safe: {{coins: 0.25}}
      cold: {{address: {bitcoin}, api: "{url}", poll_seconds: 0.2, max_age_seconds: {age}}}
      office: {{url: "{url}/bag.json", poll_seconds: 0.2, max_age_seconds: {age}}}
"""


class Wallets:
    """An Esplora API, and a document; each says what it is told to say."""

    def __init__(self) -> None:
        self.satoshi, self.document, self.page = 100_000_000, json.dumps({"coins": {"BTC": "0.25"}}), ""
        wallets = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, kind = wallets.answer(self.path)
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> tuple[bytes, str]:
        if self.page:
            return self.page.encode(), "text/html"
        if path == "/bag.json":
            return self.document.encode(), "application/json"
        sums = {"funded_txo_sum": self.satoshi, "spent_txo_sum": 0}
        nothing = {"funded_txo_sum": 0, "spent_txo_sum": 0}
        told = {"address": path.rpartition("/")[2], "chain_stats": sums, "mempool_stats": nothing}
        return json.dumps(told).encode(), "application/json"


@pytest.fixture
def wallets() -> Iterator[Wallets]:
    made = Wallets()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def write(desk: Desk, wallets: Wallets, age: str) -> Path:
    bag = BAG.format(bitcoin=BITCOIN, url=wallets.url, age=age)
    return desk.write(QUICK.replace("bag: {BTC: {coins: 2}}\n", bag))


def told(bot: Running, name: str, **labels: str) -> list[str]:
    """The samples of one metric."""
    lines = httpx.get(f"{bot.api.base_url}/metrics", trust_env=False).text.splitlines()
    return [line for line in lines if line.startswith(f"hedgebot_{name}{{") and all(f'{key}="{it}"' in line for key, it in labels.items())]


def test_several_sources_are_summed_each_with_its_age(desk: Desk, wallets: Wallets) -> None:
    write(desk, wallets, "60")
    (row,) = desk.json("bag")["bag"]
    assert (row["spot_coins"], row["declared_coins"], row["hedged_by"]) == ("2", "0.75", "BTC/USD:BTC")
    assert [(one["name"], one["coins"], one["error"]) for one in row["sources"]] == [("cold", "1", None), ("office", "0.25", None)]
    assert all(one["age_seconds"] is not None for one in row["sources"])
    shown = " ".join(desk.good("bag").out.split())
    assert "100 % BTC/USD:BTC" in shown
    assert "declared 0.75 – – cold 1 " in shown


def test_an_old_answer_is_told_in_days_and_not_in_seconds(desk: Desk, wallets: Wallets) -> None:
    write(desk, wallets, "60")
    at = datetime.now(UTC) - timedelta(days=9)
    wallets.document = json.dumps({"coins": {"BTC": "0.25"}, "as_of": f"{at:%Y-%m-%dT%H:%M:%SZ}"})
    answer = desk.hb("bag")
    assert answer.code == 3
    assert re.search(r"office +– +[-0-9]+ [:0-9]+ +9 days", answer.out), answer.out


def test_what_is_declared_is_known_also_where_no_source_tells_anything(desk: Desk, wallets: Wallets) -> None:
    write(desk, wallets, "60")
    wallets.page = "<html>"
    answer = desk.hb("bag", "--json")
    (row,) = answer.json["bag"]
    assert (answer.code, row["spot_coins"], row["declared_coins"]) == (3, None, "0.75")
    assert [one["error"] for one in row["sources"]] == ["answered with HTML, not JSON"] * 2


def test_coins_without_a_hedge_are_shown_with_their_sources_and_what_could_be_looked_at(desk: Desk, wallets: Wallets) -> None:
    path = write(desk, wallets, "60")
    more = f'  SOL: {{coins: 100, sources: {{vault: {{url: "{wallets.url}/bag.json", path: coins.SOL}}}}}}\n  DOGE: {{coins: 5000}}\n'
    path.write_text(path.read_text("utf-8").replace("hedges:", more + "hedges:"), "utf-8")
    wallets.document = json.dumps({"coins": {"BTC": "0.25", "SOL": "7"}})
    rows = {row["asset"]: row for row in desk.json("bag")["bag"]}
    assert [(name, row["spot_coins"], row["share"], row["hedged_by"]) for name, row in rows.items()] == [
        ("BTC", "2", "1", "BTC/USD:BTC"),
        ("SOL", "107", None, None),
        ("DOGE", "5000", None, None),
    ]
    assert [(one["name"], one["coins"]) for one in rows["SOL"]["sources"]] == [("vault", "7")]
    shown = " ".join(desk.good("bag").out.split())
    assert "SOL 107 – – – nothing" in shown
    assert "SOL, DOGE: not hedged, and not priced; what could hedge it: `hedgebot instruments SOL`" in shown
    wallets.document = "{}"
    answer = desk.hb("bag", "--json")
    assert (answer.code, answer.json["bag"][1]["spot_coins"]) == (3, None)


@pytest.mark.parametrize("address", [BITCOIN[:-1] + "5", BITCOIN.replace("qw5", "wq5")])
def test_an_address_whose_checksum_fails_is_refused_before_anything_is_asked(address: str, desk: Desk, wallets: Wallets) -> None:
    path = write(desk, wallets, "60")
    path.write_text(path.read_text("utf-8").replace(BITCOIN, address), "utf-8")
    for command in ("check", "bag", "plan", "run"):
        answer = desk.hb(command)
        assert answer.code == 4
        assert "bag.BTC.sources.cold.address" in " ".join((answer.out + answer.err).split())
        assert "its checksum does not match" in " ".join((answer.out + answer.err).split())


def test_an_amount_that_jumps_is_held_then_unknown_and_log_plan_and_metrics_say_so(desk: Desk, wallets: Wallets) -> None:
    write(desk, wallets, "600")
    jump = "cold: shows 0.05 where it showed 1, which is not believed; if it is true, restart the bot"
    with desk.start("--live") as bot:
        bot.until(lambda said: said["legs"][0]["aligned"])
        assert told(bot, "bag_source_good", source="cold") == [
            'hedgebot_bag_source_good{account="main",asset="BTC",source="cold",venue="paper"} 1.0'
        ]
        sent = desk.sent()
        wallets.satoshi = 5_000_000
        said = bot.until(lambda said: any(jump in what for what in said["alerts"]))
        assert (said["legs"][0]["spot_coins"], said["missing"]) == ("2", [])
        assert "alert: bag.BTC.sources." + jump[:40] in " ".join(desk.good("plan").out.split())
        assert told(bot, "bag_source_good", source="cold")[0].endswith(" 0.0")
        assert told(bot, "spot_coins")[0].endswith(" 2.0")
        unread = [line for line in bot.log if line["event"] == "bag.unreadable"]
        assert [(line["source"], line["held"]) for line in unread] == [("cold", True)]
        wallets.satoshi = 100_000_000
        bot.until(lambda said: not said["alerts"])
        assert told(bot, "bag_source_good", source="cold")[0].endswith(" 1.0")
        assert desk.sent() == sent
        assert bot.stop() == 0


def test_an_api_that_answers_with_html_is_unknown_once_its_last_word_is_too_old(desk: Desk, wallets: Wallets) -> None:
    write(desk, wallets, "2")
    with desk.start("--live") as bot:
        bot.until(lambda said: said["legs"][0]["aligned"])
        sent = desk.sent()
        wallets.page = "<html><body>Just a moment</body></html>"
        said = bot.until(lambda said: said["legs"][0]["why"] == "UNKNOWN: bag")
        assert said["legs"][0]["spot_coins"] is None
        assert any("cold: answered with HTML, not JSON" in what and "is too old to count" in what for what in said["missing"])
        answer = desk.hb("bag")
        assert answer.code == 3
        assert "declared 0.75" in " ".join(answer.out.split())
        assert told(bot, "spot_coins")[0].endswith(" NaN")
        wallets.page = ""
        bot.until(lambda said: said["legs"][0]["aligned"])
        assert desk.sent() == sent
        assert bot.stop() == 0
