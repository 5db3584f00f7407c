"""What did the hedge protect, and what did it cost? Every figure is folded from the record, and they add up to the last digit.

In coins of the settle currency, between the first and the last look at the account:

    hedge = price + funding - fees + rounding         price: realised and unrealised profit of the contracts
    value at the end = value without a hedge + hedge  both at the last mark
    wallet at the end = wallet at the start + realised + funding - fees + moved + rounding

Linear contracts share one account: what the others on it brought, and USDT that was moved, is told apart (`others`), and is nothing that
this hedge did.

`rounding` is what the venue's own wallet differs from these sums, told apart rather than spread. Slippage, delay and basis are part of
`price`: what it would have been at the mid that each order met, at the mid when its plan began, and without the premium over the index
that the orders met.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import partial
from itertools import pairwise
from typing import Any, Final

from bot.core.contracts import notional_usd, unrealised
from bot.core.decision import Approved, LegPlan
from bot.core.events import CoinsMoved, DecisionMade, Event, FillSeen, FundingSeen, IntentRecorded, RunStarted
from bot.core.model import ONE, ZERO, Kind, Side, View
from bot.face import iso_utc, plain, plain_or_null
from bot.shortfall import slippage

HOUR_MS: Final = 3_600_000
YEAR_MS: Final = 365 * 24 * HOUR_MS
ONE_DAY: Final = Decimal(24 * HOUR_MS) / YEAR_MS
LEAST_RETURNS: Final = 3
DIGITS: Final = 50  # of sums and products: none is rounded
COLLATERAL_YIELD: Final = Decimal("0.03")  # in a year


@dataclass(frozen=True, slots=True)
class Sample:
    """One decision's look at one leg; amounts in settle currency where they are the account's."""

    at_ms: int
    price: Decimal
    index: Decimal | None
    spot: Decimal
    wallet: Decimal
    equity: Decimal
    short_usd: Decimal
    moved: Decimal  # into the account, since the beginning
    funding: Decimal  # received, since the beginning
    ratio: Decimal | None
    leverage: Decimal | None
    liquidation: Decimal | None
    aligned: bool
    begins: bool  # the first of a run: before it nobody looked
    booked: Decimal = ZERO  # realised + funding - fees, since the beginning
    unrealised: Decimal = ZERO  # of its own position; that of all that share the account is equity - wallet
    carried: tuple[tuple[str, Decimal, Decimal], ...] = ()  # asset, coins and price of what the contract hedges along

    @property
    def carried_usd(self) -> Decimal:
        return sum((coins * price for _, coins, price in self.carried), ZERO)

    def carried_at(self, prices: "Sample") -> Decimal:
        """The same coins at the prices of another moment."""
        by_asset = {asset: price for asset, _, price in prices.carried}
        return sum((coins * by_asset.get(asset, price) for asset, coins, price in self.carried), ZERO)


@dataclass(slots=True)
class Account:
    """What the record says of one asset."""

    asset: str
    instrument: str = ""
    kind: Kind = Kind.INVERSE
    settle: str = ""
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    fees_usd: Decimal = ZERO
    funding: Decimal = ZERO
    funding_usd: Decimal = ZERO
    moved: Decimal = ZERO
    slippage_usd: Decimal = ZERO
    delay_usd: Decimal = ZERO
    saved_usd: Decimal = ZERO  # against market orders at the moments of the orders
    basis_usd: Decimal = ZERO
    fills: int = 0
    turnover_usd: Decimal = ZERO
    begins: bool = True
    waiting: list[Callable[[], None]] = field(default_factory=list)  # what happened since the last look: it shows in the next one's wallet
    samples: list[Sample] = field(default_factory=list)

    # ------------------------------------------------------------------------------------------------------------- what happened

    def look(self, plan: LegPlan, view: View, at_ms: int) -> None:
        """A part that is UNKNOWN makes no sample."""
        quote, margin, position = view.quote, view.margin, view.position
        carried = tuple((one.asset, one.coins, one.price) for one in plan.crosses if one.coins is not None and one.price is not None)
        if quote is None or margin is None or position is None or plan.spot_coins is None or len(carried) < len(plan.crosses):
            return
        for happened in self.waiting:
            happened()
        self.waiting.clear()
        self.instrument, self.kind, self.settle = plan.instrument, view.instrument.kind, view.instrument.settle
        if not self.samples:  # the figures begin here
            self.realised = self.fees = self.fees_usd = self.funding = self.funding_usd = self.moved = ZERO
            self.slippage_usd = self.delay_usd = self.saved_usd = self.basis_usd = self.turnover_usd = ZERO
            self.fills = 0
        short, entry = -position.contracts, position.entry_price
        short_usd = notional_usd(view.instrument, short, quote.mark)
        own = ZERO if entry is None else unrealised(view.instrument, short, entry, quote.mark)
        self.samples.append(
            Sample(
                at_ms, quote.mark, quote.index, plan.spot_coins, margin.wallet, margin.equity, short_usd, self.moved,
                self.funding, plan.ratio_actual, plan.leverage, plan.liquidation_price, plan.aligned, self.begins,
                self.realised + self.funding - self.fees, own, carried,
            )
        )  # fmt: skip
        self.begins = False

    def filled(self, event: FillSeen, decided: Approved | None, index: Decimal | None) -> None:
        """`index`: of the moment at which its order was decided: the premium that it met is that of one moment, no move of the market."""
        fill, sold = event.fill, event.fill.side is Side.SELL
        in_usd = fill.price if self.kind is Kind.INVERSE else ONE
        self.fills += 1
        self.realised += event.realised
        self.fees += fill.fee_coins
        self.fees_usd += fill.fee_coins * in_usd
        self.turnover_usd += event.notional_usd
        arrival = decided.arrival if decided is not None else None
        met = arrival.mid if arrival is not None else decided.reference_price if decided is not None else fill.price
        began = decided.plan_mid or met if decided is not None else met
        slipped = event.notional_usd * slippage(fill.side, met, fill.price)
        self.slippage_usd += slipped
        self.delay_usd += event.notional_usd * slippage(fill.side, began, fill.price) - slipped
        if arrival is not None:
            at_market = slippage(fill.side, arrival.mid, arrival.market) + arrival.taker_fee_rate
            self.saved_usd += event.notional_usd * at_market - slipped - fill.fee_coins * in_usd
        if index:
            self.basis_usd -= (ONE if sold else -ONE) * event.notional_usd * (met / index - ONE)

    def moved_coins(self, event: CoinsMoved) -> None:
        self.moved += event.coins

    def funded(self, event: FundingSeen) -> None:
        in_usd = event.payment.mark if self.kind is Kind.INVERSE else ONE
        self.funding += event.payment.coins
        self.funding_usd += event.payment.coins * in_usd

    # ------------------------------------------------------------------------------------------------------------- what follows

    @property
    def first(self) -> Sample:
        return self.samples[0]

    @property
    def last(self) -> Sample:
        return self.samples[-1]

    @property
    def shared(self) -> bool:
        """An account in USDT: other contracts may stand on it, and nothing on record tells what was moved into it."""
        return self.kind is Kind.LINEAR

    @property
    def rounding(self) -> Decimal:
        """Of an account that is shared nobody knows whose it is: it is among `others`."""
        return ZERO if self.shared else self.beside

    @property
    def beside(self) -> Decimal:
        """What changed in the wallet besides what was booked and moved."""
        return self.last.wallet - self.first.wallet - (self.realised + self.funding - self.fees + self.moved)

    @property
    def contracts_profit(self) -> Decimal:
        """`price`: realised, and what is unrealised now less what was at the beginning."""
        if self.shared:
            return self.realised + self.last.unrealised - self.first.unrealised
        return self.realised + (self.last.equity - self.last.wallet) - (self.first.equity - self.first.wallet)

    @property
    def hedge(self) -> Decimal:
        return self.contracts_profit + self.funding - self.fees + self.rounding

    def others(self, at: Sample) -> Decimal:
        """What other contracts on the same account brought until then, and what was moved: neither is this hedge's."""
        if not self.shared:
            return ZERO
        return at.equity - self.first.equity - at.booked - (at.unrealised - self.first.unrealised) - at.moved

    def usd(self, amount: Decimal, sample: Sample) -> Decimal:
        """Settle currency in USD."""
        return amount * sample.price if self.kind is Kind.INVERSE else amount

    def value_usd(self, at: Sample) -> Decimal:
        return at.spot * at.price + self.usd(at.equity, at) + at.carried_usd

    def came(self, at: Sample) -> Decimal:
        """Coins that came to the bag since the beginning; what moved between bag and account is none."""
        return at.spot - self.first.spot + (at.moved if self.kind is Kind.INVERSE else ZERO)

    def unhedged_usd(self, at: Sample) -> Decimal:
        """The same coins, with those that came since, and no contract."""
        return self.bare_usd(at, at)

    def bare_usd(self, at: Sample, prices: Sample) -> Decimal:
        """What was there without the contract, at the prices of another moment."""
        coins = (self.first.spot + self.came(at)) * prices.price
        money = self.first.equity + (ZERO if self.kind is Kind.INVERSE else at.moved) + self.others(at)
        return coins + self.usd(money, prices) + at.carried_at(prices)

    @property
    def basis_cost_usd(self) -> Decimal:
        """What the premium of the contract over the index cost: what it stood for at the end, less what was sold and bought with it."""
        held = [(-at.short_usd, at) for at in (self.first,)] + [(self.last.short_usd, self.last)]
        return self.basis_usd + sum((usd * (at.price / at.index - ONE) for usd, at in held if at.index), ZERO)

    @property
    def premium(self) -> dict[str, Decimal]:
        """What the protection cost, to the cent: positive is paid. The whole is their sum."""
        parts = {
            "funding_usd": -self.funding_usd,
            "fees_usd": self.fees_usd,
            "slippage_usd": self.slippage_usd,
            "delay_usd": self.delay_usd,
            "basis_usd": self.basis_cost_usd,
        }
        return {name: cents(usd) for name, usd in parts.items()}

    @property
    def premium_usd(self) -> Decimal:
        return sum(self.premium.values(), ZERO)

    @property
    def years(self) -> Decimal:
        return Decimal(self.last.at_ms - self.first.at_ms) / YEAR_MS

    def over_time(self, read: Callable[[Sample], Decimal | None]) -> Decimal | None:
        """The mean while somebody looked, each value for as long as it lasted."""
        known = [(value, lasted) for at, lasted in self.steps() if (value := read(at)) is not None]
        whole = sum(lasted for _, lasted in known)
        return sum((value * lasted for value, lasted in known), ZERO) / whole if whole else None

    @property
    def collateral_usd(self) -> Decimal:
        """What lay in the account, on average."""
        found = self.over_time(lambda at: self.usd(at.equity, at))
        return self.usd(self.last.equity, self.last) if found is None else found

    def returns(self) -> tuple[list[Decimal], list[Decimal]]:
        """Hourly returns of the bag without and with its hedge, without what came or left. What is carried is part of the bag."""
        hourly = list({at.at_ms // HOUR_MS: at for at in self.samples}.values())
        bare, hedged = [], []
        for was, now in pairwise(hourly):
            worth = self.value_usd(was)
            if worth > 0:
                whole = self.bare_usd(was, was) if was.carried else ZERO
                bare.append(self.bare_usd(was, now) / whole - ONE if whole > 0 else now.price / was.price - ONE)
                came = (
                    (self.came(now) - self.came(was)) * now.price
                    + now.carried_usd
                    - was.carried_at(now)
                    + self.others(now)
                    - self.others(was)
                )
                hedged.append((self.value_usd(now) - came) / worth - ONE)
        return bare, hedged

    def steps(self) -> Iterator[tuple[Sample, int]]:
        """Each sample and how long it lasted; gaps in which nobody looked are left out."""
        for was, now in pairwise(self.samples):
            if now.at_ms > was.at_ms and not now.begins:
                yield was, now.at_ms - was.at_ms

    def in_band(self) -> Decimal | None:
        looked = sum(lasted for _, lasted in self.steps())
        return Decimal(sum(lasted for at, lasted in self.steps() if at.aligned)) / looked if looked else None


@dataclass(frozen=True, slots=True)
class Report:
    accounts: tuple[Account, ...]
    collateral_yield: Decimal = COLLATERAL_YIELD

    def json(self) -> dict[str, Any]:
        with localcontext(prec=DIGITS):
            rows = [account_json(one, self.collateral_yield) for one in self.accounts]
            return {"assets": rows, "total": total_json(self.accounts, rows), "collateral_yield": plain(self.collateral_yield)}


def fold_report(events: Iterable[Event], since_ms: int = 0, collateral_yield: Decimal = COLLATERAL_YIELD) -> Report:
    """The statement over a record, from the first look at or after `since_ms`. Assets that were never seen whole are left out.

    `collateral_yield`: what the collateral would have earned elsewhere, as a share of it and in a year.
    """
    accounts: dict[str, Account] = {}
    decided: dict[str, tuple[Approved, Decimal | None]] = {}  # with the index of then
    indexes: dict[str, Decimal | None] = {}
    with localcontext(prec=DIGITS):
        for event in events:
            match event:
                case DecisionMade():
                    for plan in event.decision.legs:
                        view = event.seen.view(plan.instrument)
                        if view is not None and view.quote is not None:
                            indexes[plan.asset] = view.quote.index
                        if view is not None and event.decision.at_ms >= since_ms:
                            accounts.setdefault(plan.asset, Account(plan.asset)).look(plan, view, event.decision.at_ms)
                case RunStarted():
                    for account in accounts.values():
                        account.begins = True
                case IntentRecorded():
                    decided[event.order.client_id] = event.order, indexes.get(event.order.asset)
                case FillSeen() if event.asset in accounts:
                    order, index = decided.get(event.fill.client_id, (None, indexes.get(event.asset)))
                    account = accounts[event.asset]
                    account.waiting.append(partial(account.filled, event, order, index))
                case FundingSeen() if event.asset in accounts:
                    account = accounts[event.asset]
                    account.waiting.append(partial(account.funded, event))
                case CoinsMoved() if event.asset in accounts:
                    account = accounts[event.asset]
                    account.waiting.append(partial(account.moved_coins, event))
    return Report(tuple(one for _, one in sorted(accounts.items()) if one.samples), collateral_yield)


def account_json(one: Account, collateral_yield: Decimal) -> dict[str, Any]:
    first, last = one.first, one.last
    bare, hedged = one.returns()
    worth = mean([one.value_usd(at) for at in one.samples])
    price_usd = one.usd(one.contracts_profit, last)
    return {
        "asset": one.asset,
        "instrument": one.instrument,
        "settle": one.settle,
        "from": iso_utc(first.at_ms),
        "to": iso_utc(last.at_ms),
        "price_start": plain(first.price),
        "price_end": plain(last.price),
        "value_start_usd": plain(one.value_usd(first)),
        "value_end_usd": plain(one.value_usd(last)),
        "unhedged_end_usd": plain(one.unhedged_usd(last)),
        "hedge_usd": plain(one.usd(one.hedge, last)),
        "loss_avoided_usd": plain(max(ZERO, price_usd)),
        "upside_given_up_usd": plain(max(ZERO, -price_usd)),
        "protected_average_usd": plain_or_null(whole_cents(one.over_time(lambda at: at.short_usd))),
        "ratio_average": plain_or_null(short(one.over_time(lambda at: at.ratio))),
        "came_coins": plain(one.came(last)),
        **carried_json(one),
        "coins": {
            "hedge": plain(one.hedge),
            "price": plain(one.contracts_profit),
            "realised": plain(one.realised),
            "funding": plain(one.funding),
            "fees": plain(one.fees),
            "moved": plain(one.moved),
            "rounding": plain(one.rounding),
            **({"others": plain(one.beside)} if one.shared else {}),
            "wallet_start": plain(first.wallet),
            "wallet_end": plain(last.wallet),
        },
        "premium_usd": plain(one.premium_usd),
        "premium": {name: plain(usd) for name, usd in one.premium.items()},
        "saved_usd": plain(cents(one.saved_usd)),
        "annual_cost_ratio": plain_or_null(annual(one.premium_usd, worth, one.years)),
        "variance_reduction": plain_or_null(variance_reduction(bare, hedged)),
        "r2_hedged_to_bag": plain_or_null(r_squared(bare, hedged)),
        "time_in_band": plain_or_null(short(one.in_band())),
        "collateral_average_usd": plain(cents(one.collateral_usd)),
        "opportunity_cost_usd": plain(cents(one.collateral_usd * collateral_yield * one.years)),
        "fills": one.fills,
        "turnover_usd": plain(cents(one.turnover_usd)),
    }


def carried_json(one: Account) -> dict[str, Any]:
    """What the contract hedged along; part of every value."""
    began = {asset: coins * price for asset, coins, price in one.first.carried}
    rows = [
        {"asset": asset, "coins": plain(coins), "value_start_usd": plain(began.get(asset, ZERO)), "value_end_usd": plain(coins * price)}
        for asset, coins, price in one.last.carried
    ]
    return {"carried": rows} if rows else {}


def total_json(accounts: Sequence[Account], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums in USD; accounts that share a USDT margin would count it twice, so what holds it is left to their assets."""
    shared = len([one for one in accounts if one.kind is Kind.LINEAR]) > 1

    def summed(name: str, of: Callable[[Mapping[str, Any]], Any] = lambda row: row) -> Decimal:
        return sum((Decimal(of(row)[name] or 0) for row in rows), ZERO)

    of_margin = ("value_start_usd", "value_end_usd", "unhedged_end_usd", "collateral_average_usd", "opportunity_cost_usd")
    traded = ("hedge_usd", "loss_avoided_usd", "upside_given_up_usd", "protected_average_usd", "premium_usd", "saved_usd", "turnover_usd")
    parts = ("funding_usd", "fees_usd", "slippage_usd", "delay_usd", "basis_usd")
    bare, hedged = ([], []) if shared else together(accounts)
    worth = sum((mean([one.value_usd(at) for at in one.samples]) for one in accounts), ZERO)
    years = max((one.years for one in accounts), default=ZERO)
    return {
        **{name: None if shared else plain(summed(name)) for name in of_margin},
        **{name: plain(summed(name)) for name in traded},
        "premium": {name: plain(summed(name, lambda row: row["premium"])) for name in parts},
        "annual_cost_ratio": plain_or_null(None if shared else annual(summed("premium_usd"), worth, years)),
        "variance_reduction": plain_or_null(variance_reduction(bare, hedged)),
        "r2_hedged_to_bag": plain_or_null(r_squared(bare, hedged)),
        "fills": sum(row["fills"] for row in rows),
    }


def together(accounts: Sequence[Account]) -> tuple[list[Decimal], list[Decimal]]:
    """Hourly returns of all that is held, without and with its hedges: each account's, weighed by what it was worth at the beginning."""
    found = [(one.value_usd(one.first), *one.returns()) for one in accounts]
    hours = {len(bare) for _, bare, _ in found}
    whole = sum((worth for worth, _, _ in found), ZERO)
    if len(hours) != 1 or whole <= 0:
        return [], []  # they were not looked at in the same hours
    (count,) = hours
    bare = [sum((worth * one[at] for worth, one, _ in found), ZERO) / whole for at in range(count)]
    hedged = [sum((worth * one[at] for worth, _, one in found), ZERO) / whole for at in range(count)]
    return bare, hedged


def annual(cost_usd: Decimal, worth_usd: Decimal, years: Decimal) -> Decimal | None:
    """As a share of what was held, and of a year; None of less than a day: fees of the first order would be paid thousands of times."""
    return short(cost_usd / worth_usd / years) if worth_usd and years >= ONE_DAY else None


def whole_cents(usd: Decimal | None) -> Decimal | None:
    return None if usd is None else cents(usd)


def cents(usd: Decimal) -> Decimal:
    return usd.quantize(Decimal("0.01"))


def short(ratio: Decimal | None) -> Decimal | None:
    return None if ratio is None else ratio.quantize(Decimal("0.000001"))


def mean(numbers: Sequence[Decimal]) -> Decimal:
    return sum(numbers, ZERO) / len(numbers) if numbers else ZERO


def covariance(one: Sequence[Decimal], other: Sequence[Decimal]) -> Decimal:
    at, by = mean(one), mean(other)
    return mean([(x - at) * (y - by) for x, y in zip(one, other, strict=True)])


def variance_reduction(bare: Sequence[Decimal], hedged: Sequence[Decimal]) -> Decimal | None:
    """The share of the bag's variance that the hedge took away."""
    whole = covariance(bare, bare) if len(bare) >= LEAST_RETURNS else ZERO
    return short(ONE - covariance(hedged, hedged) / whole) if whole else None


def r_squared(bare: Sequence[Decimal], hedged: Sequence[Decimal]) -> Decimal | None:
    """How much of what still moves moves with the bag: 0 for a perfect hedge, 1 for none."""
    if len(bare) < LEAST_RETURNS:
        return None
    product = covariance(bare, bare) * covariance(hedged, hedged)
    return short(covariance(bare, hedged) ** 2 / product) if product else None
