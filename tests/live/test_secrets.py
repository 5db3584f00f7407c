"""Does a key, a secret or a passphrase ever leave the bot, but in the request that it signs?

The real console script runs at a venue that fails in many ways and echoes what it was sent. Then every place where words of the bot end up
is searched: its two streams, every file in its folder (the record and its journal among them), what its API and its metrics say, what the
other commands print, and the addresses that the venue was asked for.
"""

import asyncio
import base64
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest

from tests.live.desk import ENVIRONMENT, PATIENCE_S, SECRETS, Desk, held_usd, intended_usd, until
from tests.live.desk import desk as served
from tests.venue_server import KEY, PASSPHRASE, SECRET

SCRIPT = str(Path(sys.executable).with_name("hedgebot"))
CANARIES = (KEY, SECRET, PASSPHRASE)
WRONG = "wrong-key+canary/of=a%person"
PAGES = ("/metrics", "/livez", "/readyz", "/api/v1/status", "/api/v1/plan", "/api/v1/targets")


def spellings(secret: str) -> set[bytes]:
    """As it is, quoted for an address, and in base64; and what is inside of it, where it is base64 itself."""
    found = {secret, quote(secret, safe=""), quote_plus(secret), base64.b64encode(secret.encode()).decode().rstrip("=")}
    if secret == SECRET:
        found.add(base64.b64decode(secret).decode())
    return {text.encode() for text in found}


def found_in(places: dict[str, bytes], secrets: tuple[str, ...]) -> list[str]:
    return [
        f"{secret[:6]}… in {name}: …{content[max(0, content.index(text) - 80) : content.index(text) + 20]!r}"
        for name, content in places.items()
        for secret in secrets
        for text in spellings(secret)
        if text in content
    ]


def echoes(desk: Desk) -> None:
    """Everything that a venue may throw back, on reads and on placements."""
    said = " ".join(f"{word} {quote(word, safe='')} {base64.b64encode(word.encode()).decode()}" for word in CANARIES)
    faults = desk.server.faults
    faults.add("status", "place", status=500, text=f"<html>you sent apiKey={KEY}&signature=abc: {said}</html>", accepted=True)
    faults.add("lost_ack", "place")
    desk.server.meanwhile("read-trades", lambda _: faults.add("status", "read", status=500, text=f"<html>{said}</html>", count=6))
    desk.server.meanwhile("read-trades", lambda _: faults.add("html", "read", count=2))
    desk.server.meanwhile("read-trades", lambda _: faults.add("lost_ack", "read", count=2))
    desk.server.meanwhile("read-trades", lambda _: faults.add("error", "read", code="1", text=said, count=4))


def written(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def ran(desk: Desk, *words: str, secrets: dict[str, str]) -> tuple[int, bytes]:
    process = await start(desk, *words, secrets=secrets)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode or 0, out + err


async def start(desk: Desk, *words: str, secrets: dict[str, str]) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("HEDGEBOT")}
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(SCRIPT, *words, cwd=desk.folder, env={**kept, **secrets}, stdout=pipe, stderr=pipe)


async def answers(desk: Desk) -> dict[str, bytes]:
    """What the running bot says to whoever asks, once it holds its hedge."""
    address = desk.folder / "hedgebot.db.api"
    await until(address.exists)
    bearer = {"authorization": f"Bearer {(desk.folder / 'hedgebot.db.token').read_text('ascii').strip()}"}
    url = address.read_text("ascii").strip()
    async with httpx.AsyncClient(base_url=url, headers=bearer, trust_env=False, timeout=PATIENCE_S) as client:
        await until(lambda: held_usd(desk.server) == intended_usd("1.0"))
        return {page: (await client.get(page)).content for page in PAGES}


@pytest.mark.parametrize("venue", ENVIRONMENT)
async def test_no_secret_is_in_any_sink(venue: str, tmp_path: Path) -> None:
    places: dict[str, bytes] = {}
    async with served(venue, tmp_path) as desk:
        (tmp_path / "hedge.yaml").write_text(desk.text("1.0"), "utf-8")
        echoes(desk)
        running = await start(desk, "run", "--live", "--log-level", "debug", secrets=SECRETS)
        talking = asyncio.create_task(running.communicate())
        try:
            places |= await asyncio.wait_for(answers(desk), PATIENCE_S)
        finally:
            with suppress(ProcessLookupError):  # it ended by itself
                running.send_signal(signal.SIGTERM)
            places["stdout"], places["stderr"] = await asyncio.wait_for(talking, PATIENCE_S)
            sys.stderr.write(places["stderr"][-2000:].decode())  # shown where the test fails
        for words in (("status", "--json"), ("plan", "--json"), ("check", "--online"), ("kill", "--reason", "test")):
            _, places[" ".join(words)] = await ran(desk, *words, secrets=SECRETS)
        wrong = {**SECRETS, "HEDGEBOT__VENUE__API_KEY": WRONG}
        code, places["wrong key"] = await ran(desk, "run", "--log-level", "debug", secrets=wrong)
        assert code in {3, 4}, places["wrong key"]
        places |= {f"url {n}": f"{row.path}?{row.query}".encode() for n, row in enumerate(desk.server.log)}
    places |= written(tmp_path)
    assert b"venue.error" in places["stderr"]  # the failures were met
    assert found_in(places, (*CANARIES, WRONG)) == []


@pytest.mark.parametrize("text", sorted(spellings(SECRET)))
def test_the_search_finds_a_secret_in_each_spelling(text: bytes) -> None:
    assert found_in({"here": b"before " + text + b" after"}, CANARIES)
