"""Which contract hedges an asset best, and why?

What decides is what a USD of the asset hedged costs in a year; of another asset's contract β times what that costs:

* fees and spread of opening and closing it, and what orders of its size would take out of the book beyond the touch,
* funding,
* what it leaves open: γ/2 of the residual variance, the weight that bands give to a gap. An own contract leaves nothing open.

Of contracts that cost alike an own inverse one comes before a linear one, and that before another asset's. A cost that is not known is
never 0: such a contract comes after all those that are known whole. Without a price or a β that counts it comes nowhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from typing import Final

from bot.core import carried, contracts, depth, risk
from bot.core.contracts import CONTEXT
from bot.core.cross_terms import CrossSeen
from bot.core.model import ONE, ZERO, Depth, Instrument, Quote, Side
from bot.core.rules import CrossRule, RiskRule

BP: Final = Decimal(10_000)
TENTH: Final = Decimal("0.1")
YEAR_DAYS: Final = Decimal(365)


class Way(StrEnum):
    """In the order that breaks a tie."""

    INVERSE = "own inverse"
    LINEAR = "own linear"
    CROSS = "cross"


class Verdict(StrEnum):
    BEST = "best"
    POSSIBLE = "possible"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_LISTED = "not listed"


@dataclass(frozen=True, slots=True)
class Offer:
    """One contract that could hedge the asset, and what was seen of it. None is UNKNOWN."""

    symbol: str
    way: Way
    hedge: str  # the asset of the contract
    instrument: Instrument | None = None  # None: it is not listed, or does not fit
    quote: Quote | None = None
    depth: Depth | None = None
    funding: Decimal | None = None  # what a short pays in a year, as a share of it; negative: it receives
    rule: CrossRule | None = None  # of a cross-hedge: how good its β must be
    seen: CrossSeen | None = None
    barred: str = ""  # why no order is ever sent for it
    troubles: tuple[str, ...] = ()  # what could not be read, and what to know before it is taken


@dataclass(frozen=True, slots=True)
class Asked:
    """How much is hedged, for how long, and how much an open risk weighs."""

    usd: Decimal
    days: Decimal
    risk_aversion: Decimal
    risk: RiskRule
    now_ms: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Of a year, as shares of the value that is hedged. None is UNKNOWN."""

    fees: Decimal
    spread: Decimal
    depth: Decimal | None
    funding: Decimal | None
    left_open: Decimal | None

    @property
    def named(self) -> tuple[tuple[str, Decimal | None], ...]:
        return (
            ("fees", self.fees),
            ("spread", self.spread),
            ("depth", self.depth),
            ("funding", self.funding),
            ("what it leaves open", self.left_open),
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        return tuple(name for name, cost in self.named if cost is None)

    @property
    def least(self) -> Decimal:
        """Of what is known."""
        return sum((cost for _, cost in self.named if cost is not None), ZERO)

    @property
    def total(self) -> Decimal | None:
        return None if self.unknown else self.least


@dataclass(frozen=True, slots=True)
class Ranked:
    offer: Offer
    verdict: Verdict
    why: str
    rank: int | None = None
    beta: Decimal = ONE  # USD of the contract for each USD of the asset
    costs: Costs | None = None
    order_usd: Decimal | None = None
    visible_usd: Decimal | None = None  # what the visible book would take at once


def ranked(offers: Sequence[Offer], asked: Asked) -> tuple[Ranked, ...]:
    """The best first; then those that come nowhere, as they were given."""
    with localcontext(CONTEXT):
        judged = [judge(offer, asked) for offer in offers]
        order = sorted((one for one in judged if one.costs is not None), key=place)
        rows = [
            Ranked(one.offer, Verdict.POSSIBLE if number else Verdict.BEST, reason(one, order), number + 1, one.beta, one.costs,
                   one.order_usd, one.visible_usd)
            for number, one in enumerate(order)
        ]  # fmt: skip
        return (*rows, *(one for one in judged if one.costs is None))


def place(one: Ranked) -> tuple[bool, Decimal, int, str]:
    assert one.costs is not None
    return bool(one.costs.unknown), whole_bp(one.costs.least), list(Way).index(one.offer.way), one.offer.symbol


def judge(offer: Offer, asked: Asked) -> Ranked:
    """What this contract costs, or why it comes nowhere."""
    instrument, quote = offer.instrument, offer.quote
    if instrument is None:
        return Ranked(offer, Verdict.NOT_LISTED, "; ".join(offer.troubles) or f"{offer.symbol} is not listed")
    if offer.barred:
        return Ranked(offer, Verdict.REFUSED, offer.barred)
    problem = "it shows no price" if quote is None else risk.quote_problem(quote, asked.now_ms, asked.risk)
    if quote is None or problem:
        return Ranked(offer, Verdict.UNKNOWN, "; ".join((problem or "", *offer.troubles)))
    beta, refused, lacking = beta_of(offer, asked.now_ms)
    if beta is None:
        return Ranked(offer, Verdict.REFUSED if refused else Verdict.UNKNOWN, lacking)
    usd = asked.usd * beta
    count = max(1, contracts.contracts_floor(instrument, usd, quote.mark))
    visible = None if offer.depth is None else min(sum(n for _, n in side) for side in (offer.depth.bids, offer.depth.asks))
    return Ranked(
        offer,
        Verdict.POSSIBLE,
        "",
        beta=beta,
        costs=costs_of(offer, instrument, quote, asked, beta, count),
        order_usd=usd,
        visible_usd=None if visible is None else contracts.notional_usd(instrument, visible, quote.mark),
    )


def beta_of(offer: Offer, now_ms: int) -> tuple[Decimal | None, bool, str]:
    """β, or whether it is refused (else it is not known), and why. Judged as the bot judges it before it hedges."""
    if offer.rule is None:
        return ONE, False, ""
    seen = offer.seen or CrossSeen(offer.rule.asset, unmeasured="nothing was measured yet")
    beta, lacking = carried.beta_of(offer.rule, seen, now_ms)
    if lacking is not None:
        return None, lacking.what != carried.NO_BETA, lacking.why
    if not beta:
        return None, True, "its β is 0 or below: the two do not fall together, and the bot holds no long"
    return beta, False, ""


def costs_of(offer: Offer, instrument: Instrument, quote: Quote, asked: Asked, beta: Decimal, count: int) -> Costs:
    turns = beta * YEAR_DAYS / asked.days  # opened and closed so often in a year
    half = (quote.ask - quote.bid) / (quote.ask + quote.bid)
    taken = [beyond_the_touch(instrument, quote, offer.depth, side, count) for side in Side]
    known = [one for one in taken if one is not None]
    fit = None if offer.seen is None else offer.seen.fit
    left = ZERO if offer.rule is None else None if fit is None else asked.risk_aversion / 2 * fit.residual_volatility**2
    return Costs(
        fees=2 * instrument.taker_fee_rate * turns,
        spread=2 * half * turns,
        depth=sum(known, ZERO) * turns if len(known) == len(taken) else None,
        funding=None if offer.funding is None else offer.funding * beta,
        left_open=left,
    )


def beyond_the_touch(instrument: Instrument, quote: Quote, book: Depth | None, side: Side, count: int) -> Decimal | None:
    """How much further from the mid than the best price an order trades on average, as a share of the price.

    Beyond what is visible the book is taken to go on as it began. None where no book is shown.
    """
    levels = depth.opposite(book, side)
    visible = sum(offered for _, offered in levels)
    if book is None or not book.bids or not book.asks or not visible:
        return None
    mid = (book.bids[0][0] + book.asks[0][0]) / 2
    within = min(count, visible)
    near = abs(mid - depth.market_price(instrument, quote, book, side, within))
    end = abs(mid - levels[-1][0])
    far = end * (1 + Decimal(count) / visible) / 2
    return max(ZERO, ((within * near + (count - within) * far) / count - abs(mid - levels[0][0])) / mid)


def reason(one: Ranked, order: Sequence[Ranked]) -> str:
    """Why it stands where it stands."""
    return "; ".join((*comparison(one, order), *notes(one)))


def comparison(one: Ranked, order: Sequence[Ranked]) -> Iterable[str]:
    costs, best = one.costs, order[0]
    assert costs is not None
    assert best.costs is not None
    if costs.unknown:
        yield f"what it costs is not known whole: {', '.join(costs.unknown)}"
    elif one is best:
        following = order[1] if len(order) > 1 else None
        if following is None:
            yield "no other contract can be had"
        elif following.costs is not None and not following.costs.unknown and alike(following.costs, costs):
            yield f"costs the same as {following.offer.symbol}, to the basis point: {one.offer.way} comes before {following.offer.way}"
        else:
            yield (
                f"costs least: {bp(costs.least)} bp a year"
                if costs.least >= 0
                else f"brings in {bp(-costs.least)} bp a year, the most of all"
            )
    elif best.costs.total is not None:
        more = costs.least - best.costs.least
        if not alike(costs, best.costs):
            pairs = zip(costs.named, best.costs.named, strict=True)
            name, most = max(((name, (mine or ZERO) - (its or ZERO)) for (name, mine), (_, its) in pairs), key=lambda part: part[1])
            yield f"costs {bp(more)} bp a year more than {best.offer.symbol}, {bp(most)} of it {name}"
        else:
            yield f"costs the same as {best.offer.symbol}, to the basis point: {best.offer.way} comes before {one.offer.way}"


def notes(one: Ranked) -> Iterable[str]:
    fit = None if one.offer.seen is None else one.offer.seen.fit
    if fit is not None:
        yield f"R² {fit.r_squared:.2f}: of the asset's {fit.volatility * 100:.0f} % a year it leaves {fit.residual_volatility * 100:.0f}"
    if one.visible_usd is not None and one.order_usd is not None and one.visible_usd < one.order_usd:
        yield f"the visible book takes {one.visible_usd:.0f} of {one.order_usd:.0f} USD: the rest is an estimate"
    yield from one.offer.troubles


def alike(one: Costs, other: Costs) -> bool:
    return whole_bp(one.least) == whole_bp(other.least)


def whole_bp(share: Decimal) -> Decimal:
    """What differs by less than a basis point a year costs the same."""
    return (share * BP).quantize(ONE, ROUND_HALF_EVEN)


def bp(share: Decimal) -> str:
    return f"{(share * BP).quantize(TENTH, ROUND_HALF_EVEN):f}"
