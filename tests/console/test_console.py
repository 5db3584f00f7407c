"""What does an operator meet in a real browser: at the door, on the page, on a phone, without a mouse?"""

import re
import signal
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cli.desk import QUICK, Desk, Running
from tests.cli.forks import Forks
from tests.console.browser import chromium

WITH_CONSOLE = QUICK.replace("api: {port: 0}", "api: {port: 0, console: true}")
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def bot(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    desk = Desk(tmp_path_factory.mktemp("console"), Forks.__new__(Forks))
    desk.write(WITH_CONSOLE)
    with desk.start("--live") as running:
        running.until(lambda said: said["legs"][0]["aligned"])
        yield running
        assert running.stop() == 0
        assert not [line for line in running.log if line.get("level") in ("error", "critical") and line["event"] != "alert"]


@pytest.fixture(scope="module")
def family(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two accounts in one process; what is missing for `bob` is told in lines that fill a phone."""
    desk = Desk(tmp_path_factory.mktemp("accounts"), Forks.__new__(Forks))
    alone = "bag: {BTC: {coins: 2}}\n"
    desk.write(WITH_CONSOLE.replace(alone, "accounts:\n  alice: {bag: {BTC: {coins: 2}}}\n  bob: {bag: {BTC: {coins: 9}}}\n"))
    with desk.start("--live") as running:
        yield running
        assert running.stop() == 0


def token(bot: Running) -> str:
    return (bot.desk.folder / "hedgebot.db.token").read_text("ascii").strip()


def opened(browser: Browser, bot: Running, width: int = 1280, secret: str = "", **how: object) -> tuple[Page, list[str]]:
    """The console behind the login, and everything that the browser complains about."""
    context = browser.new_context(viewport={"width": width, "height": 844}, base_url=str(bot.api.base_url), **how)
    page, complaints = context.new_page(), []
    page.set_default_timeout(PATIENCE_MS)
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/")
    assert page.url.endswith("/login")
    page.get_by_label("Token").fill(secret or token(bot))
    page.keyboard.press("Enter")
    expect(page.locator(".leg dl")).to_be_visible(timeout=PATIENCE_MS)
    return page, complaints


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_shows_the_hedge_on_desk_and_phone_and_breaks_none_of_its_own_rules(browser, bot, width, scheme):
    page, complaints = opened(browser, bot, width, color_scheme=scheme)
    leg = page.locator("article.leg")
    for said in ("BTC", "aligned", "The bot places no order: inside the band.", "left open, δ", "leverage", "liquidation", "distance"):
        expect(leg).to_contain_text(said)
    expect(page.get_by_role("img", name=re.compile("of the ideal short; the bot trades below 99.5 % and above 100.5 %"))).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("armed")
    assert page.locator(".chart svg").count() == 3
    expect(page.locator(".stream details").first).to_contain_text("Decided in state")
    assert page.evaluate("document.documentElement.scrollWidth") == width  # nothing runs off the side
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 28)"
    assert dark is (scheme == "dark")
    assert complaints == []
    page.context.close()


def test_a_wrong_token_stays_outside_and_its_cookie_opens_nothing(browser, bot):
    address = str(bot.api.base_url)
    with httpx.Client(base_url=address, trust_env=False) as client:
        assert client.get("/").headers["location"] == "/login"
        wrong = client.post("/login", data={"token": "wrong"})
        assert (wrong.status_code, "none of the bot" in wrong.text) == (401, True)
        assert "set-cookie" not in wrong.headers
        client.cookies.set("hedgebot", "made-up")
        assert client.get("/").status_code == 303
        assert client.get("/_nicegui/anything").status_code == 401
        assert client.post("/login", data={"token": token(bot)}, headers={"sec-fetch-site": "cross-site"}).status_code == 403
        assert client.post("/login", data={"token": token(bot)}, headers={"origin": "https://elsewhere.example"}).status_code == 403
        for path in ("/docs", "/openapi.json", "/console/page.py", "/redoc"):
            assert client.get(path).status_code == 404
        right = client.post("/login", data={"token": token(bot)})
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        page = client.get("/")
        policy = page.headers["content-security-policy"]
        nonce = re.search(r"'nonce-([^']+)'", policy)[1]
        assert "script-src 'self' 'nonce-" in policy
        assert "'unsafe-inline'" not in policy.replace("style-src-attr 'unsafe-inline'", "")
        assert page.text.count("<script") == page.text.count(f'<script nonce="{nonce}"')
        assert f"'nonce-{nonce}'" not in client.get("/").headers["content-security-policy"]
        assert client.get("/api/v1/status").status_code == 401  # a session is no token: the API takes none
        assert client.post("/login", content=b"x" * 70_000).status_code == 413


def test_pause_dry_run_and_kill_ask_first_and_go_on_record_with_their_reason(browser, bot):
    page, complaints = opened(browser, bot)

    def press(name: str) -> None:
        page.get_by_label("commands").get_by_role("button", name=name, exact=True).click()

    press("Pause")
    page.get_by_role("button", name="Cancel").click()
    assert bot.status()["state"] != "PAUSED"
    press("Pause")
    page.locator(".ask").get_by_role("button", name="Pause").click()
    bot.until(lambda said: said["state"] == "PAUSED")
    press("Resume")
    page.locator(".ask").get_by_role("button", name="Resume").click()
    bot.until(lambda said: said["state"] != "PAUSED")
    press("Dry-run on")
    page.locator(".ask").get_by_role("button", name="Switch dry-run on").click()
    bot.until(lambda said: not said["armed"])
    press("Dry-run off")
    page.locator(".ask").get_by_role("button", name="Switch dry-run off").click()
    bot.until(lambda said: said["armed"])
    press("Kill")
    page.locator(".ask").get_by_role("button", name="Kill").click()
    expect(page.locator(".ask")).to_contain_text("say why")
    page.locator(".ask input").fill("odd fills")
    page.keyboard.press("Enter")
    bot.until(lambda said: said["state"] == "HALTED")
    expect(page.get_by_role("status")).to_contain_text("halted: odd fills")
    press("Re-arm")
    page.locator(".ask input").fill("looked at it")
    page.locator(".ask").get_by_role("button", name="Re-arm").click()
    bot.until(lambda said: said["state"] == "WATCHING")
    said = bot.api.get("/api/v1/audit", params={"limit": 500}).json()["entries"]
    words = [one["says"] for one in said if one["kind"] == "CommandGiven"]
    assert len(words) == 6
    assert any("odd fills" in word for word in words)
    assert all(
        "console" in bot.api.get(f"/api/v1/audit/{one['seq']}").json()["event"]["by"] for one in said if one["kind"] == "CommandGiven"
    )
    assert complaints == []
    page.context.close()


def test_two_browsers_that_kill_at_once_are_both_told_and_it_is_one_event(browser, bot):
    def kills() -> list[str]:
        entries = bot.api.get("/api/v1/audit", params={"limit": 500}).json()["entries"]
        return [one["says"] for one in entries if one["says"].startswith("Command `kill`")]

    before = kills()
    pages = [opened(browser, bot)[0] for _ in range(2)]
    for page, why in zip(pages, ("strange fills", "strange prices"), strict=True):
        page.get_by_label("commands").get_by_role("button", name="Kill", exact=True).click()
        page.locator(".ask input").fill(why)
    for page in pages:  # pressed without waiting for what comes of the other
        page.locator(".ask").get_by_role("button", name="Kill").evaluate("button => { setTimeout(() => button.click(), 200) }")
    for page in pages:
        expect(page.get_by_role("status")).to_contain_text("halted: strange")
        expect(page.locator(".q-notification").first).to_contain_text("kill")
    (once,) = [said for said in kills() if said not in before]
    assert once.endswith(("strange fills.", "strange prices."))
    pages[0].get_by_label("commands").get_by_role("button", name="Re-arm", exact=True).click()
    pages[0].locator(".ask input").fill("looked at it")
    pages[0].locator(".ask").get_by_role("button", name="Re-arm").click()
    bot.until(lambda said: said["state"] == "WATCHING")
    for page in pages:
        page.context.close()


def test_everything_can_be_reached_and_pressed_by_keyboard(browser, bot):
    page, _ = opened(browser, bot)
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.innerText || document.activeElement.tagName"))
    for name in ("Pause", "Dry-run on", "Kill", "log out"):
        assert any(name in one for one in reached), reached
    page.get_by_label("commands").get_by_role("button", name="Pause", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ask")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".ask")).to_be_hidden()
    page.locator(".stream summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".stream details[open] .story")).to_contain_text("Ratio: 1 is asked for by the configuration")
    bot.cycles(3)
    expect(page.locator(".stream details[open] .story")).to_be_visible()  # it stays unfolded while the page lives on
    page.context.close()


def test_a_token_that_reads_sees_the_page_and_presses_nothing_and_ends_when_it_is_revoked(browser, bot):
    from bot.access_tokens import Role, give, revoke

    path = bot.desk.folder / "hedgebot.db.tokens"
    page, _ = opened(browser, bot, secret=give(path, "wall", Role.READ, "2026-03-01T12:00:00Z"))
    for name in ("Pause", "Dry-run on", "Kill"):
        expect(page.get_by_label("commands").get_by_role("button", name=name, exact=True)).to_be_disabled()
    revoke(path, "wall")
    page.wait_for_url("**/login", timeout=PATIENCE_MS)
    page.context.close()


def test_logging_out_ends_the_session(browser, bot):
    page, _ = opened(browser, bot)
    page.get_by_role("button", name="log out").click()
    page.wait_for_url("**/login", timeout=PATIENCE_MS)
    page.goto("/")
    assert page.url.endswith("/login")
    page.context.close()


def test_an_account_that_was_killed_is_named_on_the_page_of_another_and_its_link_survives_the_login(browser, family):
    page, complaints = opened(browser, family)
    link = page.get_by_role("link", name="account bob: halted: strange fills")
    expect(link).to_be_hidden()
    family.api.post("/api/v1/kill", params={"account": "bob"}, json={"reason": "strange fills"}).raise_for_status()
    expect(link).to_be_visible()
    link.click()
    page.wait_for_url("**/?account=bob", timeout=PATIENCE_MS)
    expect(page.get_by_role("status")).to_contain_text("bob on paper")
    page.context.clear_cookies()
    page.goto("/?account=bob")
    page.wait_for_url("**/login?account=bob", timeout=PATIENCE_MS)
    page.get_by_label("Token").fill(token(family))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("bob on paper")  # and not the first one, which a kill would then hit
    family.api.post("/api/v1/rearm", params={"account": "bob"}, json={"reason": "looked at it"}).raise_for_status()
    page.goto("/?account=carol")
    expect(page.get_by_role("status")).to_contain_text("no bot runs here for carol: this process leads alice, bob")
    expect(page.locator("article.leg")).to_have_count(0)  # another account is not shown, and so not commanded, in its place
    assert complaints == []
    page.context.close()


def test_on_a_phone_kill_can_be_pressed_wherever_the_page_stands(browser, family):
    page, _ = opened(browser, family, 375)
    page.goto("/?account=bob")
    kill = page.get_by_label("commands").get_by_role("button", name="Kill", exact=True)
    expect(page.get_by_role("status")).to_contain_text("lacks")
    page.set_viewport_size({"width": 375, "height": 200})  # shorter than what is told above the buttons
    expect(kill).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(kill).to_be_in_viewport(ratio=1)
    kill.click()
    expect(page.get_by_role("dialog")).to_contain_text("account bob")  # of several: which one it will hit
    page.context.close()


def test_a_page_whose_bot_died_says_that_it_is_old_and_what_to_do(browser, tmp_path):
    desk = Desk(tmp_path, Forks.__new__(Forks))
    desk.write(WITH_CONSOLE)
    with desk.start("--live") as running:
        page, _ = opened(browser, running)
        page.wait_for_function("() => window.did_handshake")  # the hedge is shown before the page is connected
        running.stop(signal.SIGKILL)
        expect(page.get_by_text("Connection lost.")).to_be_visible(timeout=PATIENCE_MS)
        told = page.evaluate("getComputedStyle(document.querySelector('#popup > span:last-child'), '::after').content")
        assert "hedgebot status" in told
        page.context.close()
