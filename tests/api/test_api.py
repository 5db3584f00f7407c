"""Does the API answer whom it should, and refuse what it must, before anything reaches the bot?"""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
import structlog

from bot.api_answers import HEADERS
from bot.api_body import MOST_BYTES
from bot.core.decision import Mode
from bot.core.rules import CrossRule
from bot.face import Check, CommandResult, plan_json, status_json
from bot.logs import keep_secret
from bot.ports import LeaseLost, NotSent
from tests.api.conftest import TOKEN
from tests.api.worlds import NOW_MS, OPERATOR_TARGET, RULES, ListeningBot, fresh_status, health, status

D = Decimal
END_OF_2026_MS = 1_798_761_600_000

COMMANDS = [
    ("POST", "/api/v1/pause", None, ("pause", None, None, None, "")),
    ("POST", "/api/v1/resume", {}, ("resume", None, None, None, "")),
    ("POST", "/api/v1/dry-run", {"on": True}, ("dry-run-on", None, None, None, "")),
    ("POST", "/api/v1/dry-run", {"on": False}, ("dry-run-off", None, None, None, "")),
    ("POST", "/api/v1/kill", None, ("kill", None, None, None, "")),
    ("POST", "/api/v1/kill", {"reason": " odd fills "}, ("kill", None, None, None, "odd fills")),
    ("POST", "/api/v1/rearm", {"reason": "checked by hand"}, ("rearm", None, None, None, "checked by hand")),
    ("POST", "/api/v1/cancel-all", None, ("cancel-all", None, None, None, "")),
    ("POST", "/api/v1/flatten", {"confirm": True}, ("flatten", None, None, None, "")),
    ("POST", "/api/v1/target", {"asset": "BTC", "ratio": "0.5"}, ("target-set", "BTC", D("0.5"), None, "")),
    (
        "POST",
        "/api/v1/target",
        {"asset": "BTC", "ratio": "0.5", "until": "2026-12-31"},
        ("target-set", "BTC", D("0.5"), END_OF_2026_MS, ""),
    ),
    ("POST", "/api/v1/accept-contract", {"asset": "BTC", "reason": "read it"}, ("accept-contract", "BTC", None, None, "read it")),
    ("DELETE", "/api/v1/target/BTC", None, ("target-clear", "BTC", None, None, "")),
]
READS = ["/api/v1/status", "/api/v1/plan", "/api/v1/targets"]


@pytest.mark.parametrize(("method", "path", "body", "heard"), COMMANDS)
async def test_a_command_reaches_the_bot_as_it_was_said(operator, bot, method, path, body, heard):
    answer = await operator.request(method, path, json=body)
    assert answer.status_code == 200
    assert answer.json() == {"accepted": True, "done": True, "state": "WATCHING", "code": "ok", "message": "done"}
    [command] = bot.heard
    assert (command.name, command.asset, command.ratio, command.until_ms, command.reason) == heard
    assert (command.by, command.at_ms) == ("api", NOW_MS)


@pytest.mark.parametrize(("method", "path", "body"), [row[:3] for row in COMMANDS] + [("GET", path, None) for path in READS])
@pytest.mark.parametrize("header", [None, "", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer \xe9"])
async def test_without_the_token_nothing_is_answered_and_nothing_happens(stranger, bot, method, path, body, header):
    headers = {} if header is None else {"authorization": header.encode("latin-1")}
    answer = await stranger.request(method, path, json=body, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="hedgebot"'
    assert set(answer.json()) == {"detail", "field"}
    assert bot.heard == []


async def test_an_empty_token_opens_nothing(bot, metrics):
    import httpx
    from pydantic import SecretStr

    from bot.access_door import Door
    from bot.api import create_app
    from tests.api.conftest import alone

    transport = httpx.ASGITransport(create_app(alone(bot, metrics), Door(SecretStr(""))))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        for header in ("Bearer", "Bearer ", ""):
            assert (await client.get("/api/v1/status", headers={"authorization": header})).status_code == 401


async def test_status_and_plan_are_the_answers_of_the_command_line(operator, bot):
    assert (await operator.get("/api/v1/status")).json() == status_json(bot.shown)
    assert (await operator.get("/api/v1/plan")).json() == plan_json(bot.shown)


async def test_status_answers_before_the_first_turn(operator, bot):
    bot.shown = fresh_status()
    assert (await operator.get("/api/v1/status")).json()["as_of"] is None


async def test_targets_are_the_operators_with_their_end(operator, bot):
    bot.shown = status(targets=(OPERATOR_TARGET, replace(OPERATOR_TARGET, until_ms=None)))
    shown = (await operator.get("/api/v1/targets")).json()["targets"]
    assert shown[0] == {"asset": "BTC", "ratio": "0.5", "source": "operator", "until": "2026-03-01T12:00:01.250Z"}
    assert shown[1]["until"] is None


# ---------------------------------------------------------------------------------------------------------------- what becomes of a word


@pytest.mark.parametrize(
    ("result", "status_code"),
    [
        (CommandResult("ok", True, Mode.PAUSED, "paused"), 200),
        (CommandResult("ok", False, Mode.WATCHING, "written; the loop has not come to it"), 202),
        (CommandResult("draining", False, Mode.WATCHING, "1 order is being cancelled"), 202),
        (CommandResult("refused", False, Mode.WATCHING, "mode: dry-run sends no orders; set mode: live"), 409),
    ],
)
async def test_the_answer_says_whether_it_is_done_under_way_or_refused(operator, bot, result, status_code):
    bot.result = result
    answer = await operator.post("/api/v1/dry-run", json={"on": False})
    assert answer.status_code == status_code
    shown = answer.json()
    assert (shown["code"], shown["done"], shown["message"], shown["state"]) == (
        result.code,
        result.done,
        result.message,
        result.state.value,
    )
    assert shown["accepted"] is (status_code != 409)


@pytest.mark.parametrize("error", [NotSent("the database is locked"), LeaseLost("another process leads")])
async def test_a_word_that_could_not_be_recorded_is_503(operator, bot, error):
    bot.result = error
    answer = await operator.post("/api/v1/kill")
    assert answer.status_code == 503
    assert answer.json()["detail"] == f"nothing happened: {error}"


async def test_an_unforeseen_error_shows_nothing_of_itself(operator, bot):
    bot.result = RuntimeError("password hunter22")
    with structlog.testing.capture_logs() as lines:
        answer = await operator.post("/api/v1/pause")
    assert [line["event"] for line in lines] == ["api.failed"]
    assert answer.status_code == 500
    assert "hunter22" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_kept_secret_is_masked_in_every_answer(operator, bot):
    keep_secret("hunter22-secret")
    bot.result = NotSent("postgresql://bot:hunter22-secret@db: refused")
    bot.healthy = health(database=Check(False, "hunter22-secret"))
    for answer in (await operator.post("/api/v1/pause"), await operator.get("/readyz")):
        assert answer.status_code == 503
        assert "hunter22" not in answer.text
        assert "**********" in answer.text


# ---------------------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("path", "body", "field", "why"),
    [
        ("target", '{"asset":"BTC","ratio":85}', "ratio", "for 85 percent write 0.85"),
        ("target", '{"asset":"BTC","ratio":"1.01"}', "ratio", "outside 0..1"),
        ("target", '{"asset":"BTC","ratio":-0.1}', "ratio", "outside 0..1"),
        ("target", '{"asset":"BTC","ratio":NaN}', "body", "NaN"),
        ("target", '{"asset":"BTC","ratio":"NaN"}', "ratio", "finite"),
        ("target", '{"asset":"BTC","ratio":1e99999999999999999999}', "body", "not JSON"),
        ("target", '{"asset":"BTC","ratio":null}', "ratio", "must be a number"),
        ("target", '{"asset":"BTC","ratio":true}', "ratio", "must be a number"),
        ("target", '{"asset":"BTC","ratio":1,"ratio":0}', "ratio", "given twice"),
        ("target", '{"asset":"BTC"}', "ratio", "is missing"),
        ("target", '{"ratio":1}', "asset", "is missing"),
        ("target", '{"asset":7,"ratio":1}', "asset", "valid string"),
        ("target", '{"asset":"BTC","ratio":1,"untill":"2026-12-31"}', "untill", "known: asset, ratio, until"),
        ("target", '{"asset":"BTC","ratio":1,"until":"2020-01-01"}', "until", "already over"),
        ("target", '{"asset":"BTC","ratio":1,"until":1798761600}', "until", "valid string"),
        ("target", '{"asset":', "body", "not JSON"),
        ("target", "[1]", "body", "must be a JSON object"),
        ("target", "<html>", "body", "not JSON"),
        ("target", "", "asset", "is missing"),
        ("target", "[" * 60_000, "body", "not JSON"),
        ("target", "\udcff", "body", "not JSON"),
        ("dry-run", "{}", "on", "is missing"),
        ("dry-run", '{"on":"off"}', "on", "valid boolean"),
        ("dry-run", '{"on":1}', "on", "valid boolean"),
        ("rearm", "{}", "reason", "is missing"),
        ("rearm", '{"reason":"  "}', "reason", "reason: must say why"),
        ("rearm", '{"reason":"a\\nb"}', "reason", "reason: must be one line"),
        ("rearm", '{"reason":"\\u001b[31m"}', "reason", "one line"),
        ("rearm", '{"reason":"\\ud800"}', "reason", ""),
        ("kill", json.dumps({"reason": "x" * 501}), "reason", "at most 500"),
        ("flatten", "{}", "confirm", "is missing"),
        ("flatten", '{"confirm":false}', "confirm", "confirm: must be true"),
        ("flatten", '{"confirm":1}', "confirm", "valid boolean"),
        ("pause", '{"asset":"BTC"}', "asset", "known: none"),
    ],
)
async def test_a_body_that_cannot_be_meant_names_the_field(operator, bot, path, body, field, why):
    answer = await operator.post(f"/api/v1/{path}", content=body.encode("utf-8", "surrogateescape"))
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field
    assert answer.json()["detail"].startswith(f"{field}: ") or field == "body"
    assert why in answer.json()["detail"]
    assert bot.heard == []


@pytest.mark.parametrize("number", ["0.1", '"0.1"', "1e-1", "0.10"])
async def test_a_number_never_passes_through_a_float(operator, bot, number):
    await operator.post("/api/v1/target", content=f'{{"asset":"BTC","ratio":{number}}}')
    assert bot.heard[0].ratio == D("0.1")  # Decimal(0.1) would be 0.1000000000000000055…
    assert isinstance(bot.heard[0].ratio, Decimal)


async def test_a_ratio_above_one_passes_where_the_config_allows_it(operator, bot):
    bot.rules = replace(RULES, risk=replace(RULES.risk, allow_over_hedge=True))
    assert (await operator.post("/api/v1/target", json={"asset": "BTC", "ratio": "1.2"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"), [("POST", "/api/v1/target", {"asset": "DOGE", "ratio": "1"}), ("DELETE", "/api/v1/target/DOGE", None)]
)
async def test_an_unknown_asset_is_404_and_names_the_known_ones(operator, bot, method, path, body):
    answer = await operator.request(method, path, json=body)
    assert answer.status_code == 404
    assert answer.json() == {"detail": "asset: 'DOGE' is not hedged by this account (known: BTC)", "field": "asset"}
    assert bot.heard == []


async def test_a_word_for_an_asset_that_left_the_configuration_can_be_taken_back(operator, bot):
    bot.shown = status(targets=(replace(OPERATOR_TARGET, asset="DOGE"),))
    assert (await operator.request("DELETE", "/api/v1/target/DOGE")).status_code == 200
    assert (await operator.post("/api/v1/target", json={"asset": "DOGE", "ratio": "1"})).status_code == 404
    assert [(command.name, command.asset) for command in bot.heard] == [("target-clear", "DOGE")]


async def test_of_an_asset_that_another_contract_carries_the_changed_contract_is_accepted_under_that_ones_name(operator, bot):
    bot.rules = replace(RULES, crosses=(CrossRule("DOGE", "BTC", D(1), RULES.legs[0].band),))
    answer = await operator.post("/api/v1/accept-contract", json={"asset": "DOGE", "reason": "read it"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "asset: 'DOGE' has no contract of its own, it is hedged with that of BTC: name BTC"
    assert bot.heard == []


@pytest.mark.parametrize(("size", "status_code"), [(MOST_BYTES, 200), (MOST_BYTES + 1, 413)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_is_read_up_to_its_limit(operator, bot, size, status_code, chunked):
    body = b'{"reason":"x"}'.ljust(size)

    async def parts():
        for start in range(0, size, 10_000):
            yield body[start : start + 10_000]

    answer = await operator.post("/api/v1/kill", content=parts() if chunked else body)
    assert answer.status_code == status_code
    assert len(bot.heard) == (status_code == 200)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/livez"), ("GET", "/api/v1/status"), ("POST", "/api/v1/pause"), ("POST", "/nothing")]
)
async def test_an_announced_oversize_is_refused_before_anything_else(stranger, bot, method, path):
    answer = await stranger.request(method, path, content=b" " * (MOST_BYTES + 1))
    assert (answer.status_code, answer.json()["field"], answer.headers["connection"]) == (413, "body", "close")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert bot.heard == []


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/", "/api/v1/nothing"])
async def test_nothing_else_is_served(operator, path):
    answer = await operator.get(path)
    assert answer.status_code == 404
    assert answer.json()["field"] is None


async def test_a_command_is_never_a_get(operator, bot):
    assert (await operator.get("/api/v1/kill")).status_code == 405
    assert bot.heard == []


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/api/v1/status", "/nothing"])
async def test_every_answer_carries_the_security_headers_and_no_cors(stranger, path):
    answer = await stranger.get(path, headers={"origin": "https://elsewhere.example"})
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert not [name for name in answer.headers if name.startswith("access-control")]


# ---------------------------------------------------------------------------------------------------------------- probes


@pytest.mark.parametrize(
    ("cycle_ms", "age_ms", "status_code"),
    [(5_000, 15_000, 200), (5_000, 15_001, 503), (1_000, 15_000, 200), (1_000, 15_001, 503), (30_000, 90_000, 200), (30_000, 90_001, 503)],
)
async def test_the_loop_lives_for_three_cycles_and_at_least_15_seconds(stranger, bot, cycle_ms, age_ms, status_code):
    bot.healthy = health(now_mono_ms=1_000_000, last_turn_mono_ms=1_000_000 - age_ms, cycle_ms=cycle_ms)
    answer = await stranger.get("/livez")
    assert (answer.status_code, answer.json()["alive"]) == (status_code, status_code == 200)
    assert f"{age_ms / 1000:.1f} s ago" in answer.json()["why"]


async def test_liveness_looks_at_nothing_outside_the_process(stranger, bot):
    down = Check(False, "down")
    bot.healthy = health(database=down, venue=down, reconciled=down, data_fresh=down)
    assert (await stranger.get("/livez")).status_code == 200


async def test_ready_lists_every_check_with_its_reason(stranger):
    answer = await stranger.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": [
            {"name": "database", "ok": True, "why": "the last row was written 1 s ago"},
            {"name": "venue", "ok": True, "why": "paper answered"},
            {"name": "reconciled", "ok": True, "why": "READY since cycle 1"},
            {"name": "data_fresh", "ok": True, "why": "the oldest quote is 0.1 s old"},
        ],
    }


@pytest.mark.parametrize("name", ["database", "venue", "reconciled", "data_fresh"])
async def test_one_failed_check_is_enough_to_be_unready(stranger, bot: ListeningBot, name):
    bot.healthy = health(**{name: Check(False, "it broke")})
    answer = await stranger.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert [check for check in answer.json()["checks"] if not check["ok"]] == [{"name": name, "ok": False, "why": "it broke"}]


async def test_metrics_are_those_of_this_bot(stranger, bot, metrics):
    metrics.turned(bot.shown, 0.01)
    answer = await stranger.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'hedgebot_ratio_actual{account="main",asset="BTC",venue="paper"} 0.98' in answer.text


@pytest.mark.parametrize("code", ["ok", "refused"])
async def test_no_secret_is_in_what_a_command_answers(operator, bot, code):
    keep_secret("canary-in-an-answer")
    bot.result = CommandResult(code, True, Mode.WATCHING, "the kill file canary-in-an-answer cannot be written")
    answer = await operator.post("/api/v1/pause")
    assert "cannot be written" in answer.text
    assert "canary-in-an-answer" not in answer.text
