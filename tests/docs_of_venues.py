"""What do the quirk sheets say, as pages for people? The table over all venues, and a section for each."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_open import VENUES
from adapters.exchanges.outcomes import WORDS
from adapters.exchanges.venues.sheet import Venue
from adapters.request_budget import KEPT_FOR_CANCELS, OURS
from bot.venue_offers import OFFERS

SWITCHES: Final = {"none": "no switch", "sandbox": "ccxt's sandbox mode", "demo": "ccxt's demo trading"}


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def overview() -> str:
    rows = ["| venue | `venue.name` | environments | inverse | linear | what is missing |", "|---|---|---|---|---|---|"]
    for name, venue in VENUES.items():
        offer = OFFERS[name]
        cells = (
            f"[{venue.title}](#{anchor(venue)})",
            f"`{name}`",
            ", ".join(venue.places),
            offer.inverse,
            offer.linear,
            offer.why_not or "–",
        )
        rows.append(f"| {' | '.join(cell(text) for text in cells)} |")
    return "\n".join(rows) + "\n"


def anchor(venue: Venue) -> str:
    return "".join(letter for letter in venue.title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")


def transfers() -> str:
    """Who moves collateral, by which right, and what the bot says where it does not."""
    rows = ["| venue | the right | `auto_transfer: true` |", "|---|---|---|"]
    for name, venue in VENUES.items():
        offer = OFFERS[name]
        taken = f"refused: it {offer.no_transfer}" if offer.no_transfer else "taken"
        taken += f"; not in {', '.join(offer.no_transfer_in)}, which has no such wallet" if offer.no_transfer_in else ""
        rows.append(f"| [{venue.title}](venues.md#{anchor(venue)}) | {cell(sentence(venue.transfer_right))} | {cell(taken)} |")
    return "\n".join(rows) + "\n"


def proof(place: Place) -> str:
    """Where signed requests may go, and what is looked at before each."""
    where = " or ".join(f"`{host}`" for host in sorted(place.hosts))
    header = f", and only with the header `{place.header[0]}: {place.header[1]}`" if place.header else ""
    return f"{SWITCHES[place.switch]}; signed requests go to {where}{header}, any other is refused"


def budget(venue: Venue) -> str:
    burst, steady = venue.allowance.burst * OURS, venue.allowance.per_second * OURS
    share = f"{OURS:.0%} of what the venue allows; the last {KEPT_FOR_CANCELS:.0%} of it are kept for cancels"
    return f"{burst:g} at once and {steady:g} a second, in the venue's weights ({share})"


def facts(venue: Venue) -> Iterator[tuple[str, str]]:
    notes = venue.notes
    yield "contracts", notes.contract
    yield "unit of `amount`", notes.amount
    yield "position", notes.position
    yield "equity", notes.equity
    yield "client id", notes.client_id
    yield "look-up by it", notes.look_up
    yield "post-only", notes.post_only
    yield "reduce-only, immediate-or-cancel", notes.reduce_only
    yield "leverage and margin", venue.leverage_note
    yield "moving collateral", venue.transfer_right
    yield "environments", notes.environments
    for name, place in venue.places.items():
        yield f"proof of `{name}`", proof(place)
    yield (
        "an order is absent",
        f"after {venue.absence_ms // 1000} s and {venue.absence_polls} look-ups in vain, the position explained without it",
    )
    yield "funding", venue.funding
    yield "fees", notes.fees
    yield "dead man's switch", venue.dead_man
    yield "request budget", budget(venue)
    if venue.never_armed:
        yield "never armed", venue.never_armed


def outcomes(venue: Venue) -> Iterator[tuple[str, str]]:
    """What an answer to an order proves, by the venue's code."""
    codes = venue.codes
    if codes.exists:
        yield listed(codes.exists), "the order **exists**: it is looked up"
    words: dict[str, list[str]] = defaultdict(list)
    for code, word in codes.refused.items():
        words[word].append(code)
    for word, found in sorted(words.items()):
        yield listed(found), f"**rejected**: {WORDS[word]}"
    if codes.gone:
        yield listed(codes.gone), "to a cancel: there is nothing left to cancel"
    if codes.absent:
        yield listed(codes.absent), "to a look-up: not shown, which proves nothing alone"
    if codes.unchanged:
        yield listed(codes.unchanged), "to a setting: it is so already"
    yield "anything else, or none", "**unknown**: it holds its place and is looked for"


def listed(codes: object) -> str:
    assert isinstance(codes, (frozenset, list))
    return ", ".join(f"`{code}`" for code in sorted(codes))


def sections() -> str:
    parts = []
    for venue in VENUES.values():
        parts += [f"### {venue.title}", "", sentence(f"hedges with {venue.hedges}" if not venue.never_armed else venue.hedges), ""]
        parts += ["| | |", "|---|---|", *(f"| {name} | {cell(text)} |" for name, text in facts(venue)), ""]
        parts += ["| code of the answer | what it proves |", "|---|---|"]
        parts += [f"| {cell(codes)} | {cell(meaning)} |" for codes, meaning in outcomes(venue)]
        parts.append("")
    return "\n".join(parts)
