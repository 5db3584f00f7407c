"""What does a person see of a target document that is wrong, or gone? A real bot, and a local server that publishes the ratio."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.cli.desk import QUICK, Desk, Running

GOOD = json.dumps({"version": "1", "targets": {"BTC": "0.5"}})


class Publisher:
    """Says what it is told to say, or does not listen at all."""

    def __init__(self) -> None:
        self.code, self.body, self.port = 200, GOOD, 0
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = publisher.body.encode()
                self.send_response(publisher.code)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.handler = Handler
        self.listen()

    def listen(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def go(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.go()


def write(desk: Desk, publisher: Publisher, age: str) -> None:
    url = f"http://127.0.0.1:{publisher.port}/targets.json?token=open-sesame"
    desk.write(QUICK + f'targets: {{url: "{url}", poll_seconds: 0.2, max_age_seconds: {age}}}\n')


def told(bot: Running, name: str) -> str:
    (line,) = [line for line in httpx.get(f"{bot.api.base_url}/metrics", trust_env=False).text.splitlines() if f"hedgebot_{name}{{" in line]
    return line.rpartition(" ")[2]


def test_a_plan_beside_no_bot_goes_by_the_document_too(desk: Desk, publisher: Publisher) -> None:
    write(desk, publisher, "600")
    assert desk.json("plan")["legs"][0]["ratio_target"] == "0.5"
    publisher.body = "<html>"
    said = desk.hb("plan", "--json").json
    assert (said["legs"][0]["ratio_target"], said["legs"][0]["why"], said["legs"][0]["orders"]) == (None, "UNKNOWN: target", [])
    assert said["alerts"] == [f"target document http://127.0.0.1:{publisher.port}/targets.json: is HTML or XML, not JSON"]


def test_a_check_says_what_is_wrong_with_the_document_and_not_its_token(desk: Desk, publisher: Publisher) -> None:
    write(desk, publisher, "600")
    publisher.body = GOOD.replace("BTC", "DOGE")
    answer = desk.hb("check", "--online")
    assert answer.code == 4
    assert "targets.'DOGE': is not hedged here; the assets are BTC" in " ".join(answer.out.split())
    assert "sesame" not in answer.out + answer.err


def test_a_document_that_is_wrong_leaves_its_last_good_word_and_log_plan_and_metrics_say_so(desk: Desk, publisher: Publisher) -> None:
    write(desk, publisher, "600")
    with desk.start("--live") as bot:
        bot.until(lambda said: said["legs"][0]["aligned"])
        assert told(bot, "target_document_good") == "1.0"
        sent = desk.sent()
        for code, body, why in (
            (200, GOOD.replace("BTC", "DOGE"), "targets.'DOGE': is not hedged here; the assets are BTC"),
            (200, "<html><body>Just a moment</body></html>", "is HTML or XML, not JSON"),
            (503, "", "answered HTTP 503"),
        ):
            publisher.code, publisher.body = code, body
            said = bot.until(lambda said, why=why: any(why in what for what in said["alerts"]))
            assert (said["legs"][0]["ratio_target"], said["legs"][0]["aligned"], said["missing"]) == ("0.5", True, [])
            assert "counts for 600 seconds from then" in " ".join(said["alerts"])
            assert f"{why}; what it said at" in " ".join(desk.good("plan").out.split())
            assert told(bot, "target_document_good") == "0.0"
            assert why in next(line["error"] for line in reversed(bot.log) if line["event"] == "targets.unreadable")
        publisher.code, publisher.body = 200, GOOD
        bot.until(lambda said: not said["alerts"])
        assert told(bot, "target_document_good") == "1.0"
        assert desk.sent() == sent
        assert bot.stop() == 0
    assert "sesame" not in json.dumps(bot.log)


def test_a_document_that_is_gone_for_too_long_is_unknown_and_the_hedge_stays(desk: Desk, publisher: Publisher) -> None:
    write(desk, publisher, "2")
    with desk.start("--live") as bot:
        held = bot.until(lambda said: said["legs"][0]["aligned"])["legs"][0]["position_usd"]
        sent = desk.sent()
        publisher.go()
        said = bot.until(lambda said: said["legs"][0]["why"] == "UNKNOWN: target")
        assert (said["legs"][0]["ratio_target"], said["legs"][0]["position_usd"], said["legs"][0]["orders"]) == (None, held, [])
        assert said["missing"] == ["BTC: the target document, which cannot be trusted now"]
        assert any("cannot be reached" in what and "is too old to count" in what for what in said["alerts"])
        assert "is too old to count" in " ".join(desk.good("plan").out.split())
        assert (told(bot, "ratio_target"), told(bot, "target_document_good")) == ("NaN", "0.0")
        publisher.listen()
        bot.until(lambda said: said["legs"][0]["aligned"] and not said["alerts"])
        assert desk.sent() == sent
        assert bot.stop() == 0
