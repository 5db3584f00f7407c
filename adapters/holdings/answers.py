"""What does an HTTP answer say? One JSON document, of a sane size, from the address that was named; everything else is said in words."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn

import httpx

ANSWER_SECONDS: Final = 8.0
MAX_BYTES: Final = 64 * 1024
AMOUNT: Final = re.compile(r"\d{1,20}(\.\d{1,40})?([eE][+-]?\d{1,2})?", re.ASCII)
MOST: Final = Decimal("1e12")


class Unreadable(Exception):
    """A source did not tell its coins; the text says why, in the words that follow its name."""


async def asked(client: httpx.AsyncClient, method: str, url: str, question: object = None) -> Any:
    """The document, with every number as text. Raise Unreadable."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        request = client.build_request(method, url, headers=headers, timeout=ANSWER_SECONDS, json=question)
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            judge(response)
            return parsed(await body(response))
        finally:
            await response.aclose()
    except httpx.TimeoutException:
        raise Unreadable(f"did not answer within {ANSWER_SECONDS:g} seconds") from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise Unreadable(f"cannot be reached ({str(error) or type(error).__name__})") from None


def judge(response: httpx.Response) -> None:
    """Raise Unreadable for what is no good answer by its head alone."""
    if response.has_redirect_location:
        raise Unreadable(f"redirects to {response.headers['location']}: name the address that you trust")
    if response.status_code != httpx.codes.OK:
        raise Unreadable(f"answered HTTP {response.status_code}")
    if "html" in response.headers.get("content-type", "").lower():
        raise Unreadable("answered with HTML, not JSON")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unreadable("answered compressed, which was not asked for")


async def body(response: httpx.Response) -> bytes:
    """Up to its limit and not a chunk further."""
    found = bytearray()
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) > MAX_BYTES:
            raise Unreadable(f"answered with more than {MAX_BYTES // 1024} KiB")
    return bytes(found)


def parsed(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("answered with what is no UTF-8 text") from None
    if text.lstrip()[:1] == "<":
        raise Unreadable("answered with HTML or XML, not JSON")
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=no_number)
    except RecursionError:
        raise Unreadable("answered with JSON that is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"answered with what is no JSON ({error.msg} in line {error.lineno})") from None


def no_number(word: str) -> NoReturn:
    raise Unreadable(f"answered with {word}, which is no number")


def part(document: object, *names: str) -> Any:
    """What lies at a path of names in a document. An exchange's client hands on as text what it could not parse."""
    if isinstance(document, str):
        raise Unreadable("answered with HTML or XML, not JSON" if document.lstrip()[:1] == "<" else "answered with what is no JSON")
    for at, name in enumerate(names):
        if not isinstance(document, Mapping) or name not in document:
            raise Unreadable(f"has no {'.'.join(names[: at + 1])} in its answer")
        document = document[name]
    return document


def listed(document: object, *names: str) -> list[Mapping[str, Any]]:
    """The rows of a list in a document."""
    rows = part(document, *names)
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Unreadable(f"has no list at {'.'.join(names) or 'the top'} of its answer")
    return rows


def amount(said: object, name: str) -> Decimal:
    """Coins, digit for digit. Raise Unreadable for what is no amount, negative ones among them."""
    text = str(said) if isinstance(said, (str, int)) and not isinstance(said, bool) else ""
    if not AMOUNT.fullmatch(text) or (coins := Decimal(text)) > MOST:
        raise Unreadable(f"says {name} is {said!r:.60}, which is no amount of coins")
    return coins
