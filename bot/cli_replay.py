"""What would have happened? Price files and a bag on the command line become a run of the engine in virtual time."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from bot.cli_config import flags_from, settings_from
from bot.cli_exit import Wrong, say
from bot.core.events import CommandGiven
from bot.core.model import ONE, ZERO
from bot.exit_codes import Exit
from bot.face import plain
from bot.replay import Progress, Replay
from bot.settings import Settings, SettingsError
from bot.settings_cross import Cross
from bot.settings_policies import NO_POLICIES, policies_by_name
from bot.settings_values import MOST_USD
from bot.wiring.coverage import ends_ms, spoken_before, uncovered, when, without_funding
from bot.wiring.past import History, Recorded, instant, recorded, replay
from bot.words import ratio_from

ROOM: Final = 10  # limits that nobody wrote down allow so many times the value of the bag
MANY: Final = 10_000  # bars from which on it is worth saying that a replay does not jump
ASKED_FOR: Final = "this"  # what the run is called beside those that it is compared with
NOTHING: Final[Mapping[str, str]] = {}
GROWING: Final = ("risk.max_position_usd", "execution.max_order_usd", "risk.max_turnover_usd_per_day")


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `replay`, as it was typed."""

    prices: Sequence[str]
    funding: Sequence[str]
    bag: Sequence[str]
    collateral: Sequence[str]
    ratio: Sequence[str]
    basis: str | None
    since: str | None
    until: str | None
    allow_gaps: bool
    target_at: Sequence[str]
    config: Path | None
    sets: Sequence[str]
    policies: Sequence[str] = ()
    step: bool = False
    crosses: Sequence[str] = ()
    report: Path | None = None
    png: Path | None = None
    compare: Sequence[str] = ()
    top_up: bool = False
    account: str | None = None


def untold(_: object) -> None:
    """Whoever asked has the answer in the end."""


def replayed(asked: Asked, tell: Callable[[dict[str, Any]], None] = untold) -> dict[str, Any]:
    """The fields of `replay --json`; `tell` has them before anything is drawn. Raise Wrong, SettingsError or HistoryError."""
    began = time.perf_counter()
    drawing = asked.report is not None or asked.png is not None
    if drawing:
        from bot.cli_replay_page import require_pages

        require_pages(asked, reads_of(asked))
    history = history_of(asked)
    read = recorded(history)
    for missing in uncovered(read):
        say(f"note: {missing}")
    settings = settings_of(asked, read)
    commands = words_of(asked, settings, read)
    for missing in (*without_funding(read, settings.legs), *spoken_before(commands, read), *too_small(settings, read)):
        say(f"note: {missing}")
    others = {name: fitted(asked, read, sets)[0] for name, sets in beside(asked.compare).items()}
    if drawing and (always := without_policies(settings)) is not None:
        others.setdefault("always", always)
    run, said = asyncio.run(drive(settings, read, commands, step=asked.step, series=drawing))
    if "switches" in said or "crosses" in said:
        said["compared"] = compared(settings, read, commands)
    runs = {name: asyncio.run(drive(other, read, commands, step=asked.step, series=drawing)) for name, other in others.items()}
    beside_it = {"runs": {name: answer for name, (_, answer) in runs.items()}} if runs else {}
    answer = {**said, **beside_it, "seconds": round(time.perf_counter() - began, 3)}
    tell(answer)
    if drawing:
        from bot.cli_replay_page import write_pages

        write_pages({ASKED_FOR: (settings, run, said), **{name: (others[name], *one) for name, one in runs.items()}}, read, asked)
    return answer


def reads_of(asked: Asked) -> set[Path]:
    """Every file that is read."""
    return {Path(text.partition("=")[2] or text) for text in (*asked.prices, *asked.funding)} | ({asked.config} if asked.config else set())


def beside(said: Sequence[str]) -> dict[str, dict[str, str]]:
    """`half:hedges.BTC.ratio=0.5,band.low=0.98`: the settings of a run that is compared, by its name."""
    found: dict[str, dict[str, str]] = {}
    for text in said:
        name, colon, words = text.partition(":")
        if not colon or not name.strip() or not words:
            raise Wrong(Exit.USAGE, f"--compare {text}: write NAME:KEY=VALUE,…, such as half:hedges.BTC.ratio=0.5")
        if name in found or name == ASKED_FOR:
            raise Wrong(Exit.USAGE, f"--compare {name}: that name is taken: call it otherwise")
        found[name] = flags_from(words.split(","))
    return found


def compared(settings: Settings, read: Recorded, commands: Sequence[CommandGiven]) -> dict[str, dict[str, Any]]:
    """The same history with the target ratio all the time (where policies change it), and without any hedge."""
    from bot.jumping.unhedged import unhedged  # loads numpy

    always: dict[str, dict[str, Any]] = {}
    if (unchanged := without_policies(settings)) is not None:
        _, told = asyncio.run(drive(unchanged, read, commands))
        always = {"always": {name: told[name] for name in ("value_end_usd", "value_min_usd", "funding_usd", "fees_usd", "liquidated")}}
    held = {asset: coins_of(settings, asset) for asset in read.bars}
    worth, least = unhedged(read.bars, read.columns, held, settings.paper.collateral.get("USDT", ZERO))
    return {**always, "never": {"value_end_usd": plain(worth), "value_min_usd": plain(least)}}


def without_policies(settings: Settings) -> Settings | None:
    """None where there are none."""
    if not any(hedge.policies.rules.exist for hedge in settings.hedges.values()):
        return None
    hedges = {asset: hedge.model_copy(update={"policies": NO_POLICIES}) for asset, hedge in settings.hedges.items()}
    return settings.model_copy(update={"hedges": hedges})


def coins_of(settings: Settings, asset: str) -> Decimal:
    return (settings.outside[asset].declared if asset in settings.outside else ZERO) + settings.paper.collateral.get(asset, ZERO)


async def drive(
    settings: Settings, read: Recorded, commands: Sequence[CommandGiven], *, step: bool = False, series: bool = False
) -> tuple[Replay, dict[str, Any]]:
    run = await replay(settings, read, commands, step=step, series=series)
    if run.stepping and not step and sum(map(len, read.bars.values())) > MANY:
        say(f"note: going from print to print, for {run.stepping}")
    with progress(sum(len(bars) for bars in read.bars.values())) as tell:
        return run, await run.run(tell)


def progress(steps: int) -> AbstractContextManager[Callable[[Progress], None] | None]:
    """A bar on a terminal; nothing elsewhere."""
    from bot.cli_show import console

    on = console(stderr=True)
    if not on.is_terminal:
        return nullcontext()
    from bot.cli_progress import Bar

    return Bar(on, steps)


# ---------------------------------------------------------------------------------------------------------------- what was typed


def history_of(asked: Asked) -> History:
    bars = {asset: Path(name) for asset, name in named(asked.prices, "--prices").items()}
    rates = {asset: Path(name) for asset, name in named(asked.funding, "--funding").items()}
    for asset in rates:
        if asset not in bars:
            raise Wrong(Exit.USAGE, f"--funding {asset}: there are no prices of {asset}: give --prices {asset}=FILE")
    return History(bars, rates, *window_of(asked.since, asked.until), asked.allow_gaps)


def window_of(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    from_ms, to_ms = moment_of(since, "--from"), moment_of(until, "--to")
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise Wrong(Exit.USAGE, f"--from {since}: does not come before --to {until}, so nothing lies between them; name a later end")
    return from_ms, to_ms


def named(said: Sequence[str], option: str) -> dict[str, str]:
    """`ETH=FILE`, or a bare value, which is BTC's. A file name that holds an equals sign needs its asset."""
    found: dict[str, str] = {}
    for text in said:
        asset, equals, value = text.partition("=")
        if not equals:
            asset, value = "BTC", text
        if not asset.isalnum() or asset != asset.upper():
            raise Wrong(Exit.USAGE, f"{option} {text}: {asset!r} is not the name of an asset; write {option} BTC={value or '…'}")
        if not value:
            raise Wrong(
                Exit.USAGE, f"{option} {text}: nothing follows the equals sign" if text else f"{option} '': is empty; say what is meant"
            )
        if asset in found:
            raise Wrong(Exit.USAGE, f"{option} is given twice for {asset}: name the asset each belongs to, as in {option} ETH=…")
        found[asset] = value
    return found


def amounts(said: Sequence[str], option: str) -> dict[str, str]:
    """As `named`, each of them a number; its range is judged with the other settings."""
    found = named(said, option)
    for asset, value in found.items():
        try:
            finite = Decimal(value).is_finite()
        except InvalidOperation:
            finite = False
        if not finite:
            raise Wrong(Exit.USAGE, f"{option} {asset}={value}: {value!r} is not a number; write it as {option} {asset}=2")
    return found


def number_of(said: str, option: str) -> Decimal:
    """Above zero."""
    try:
        found = Decimal(said)
    except InvalidOperation:
        found = ZERO
    if not found.is_finite() or found <= 0:
        raise Wrong(Exit.USAGE, f"{option} {said}: is not a number above zero")
    return found


def moment_of(said: str | None, option: str) -> int | None:
    if said is None:
        return None
    try:
        return instant(said)
    except ValueError:
        raise Wrong(Exit.USAGE, f"{option} {said}: is not a time; write 2020-03-12 or 2020-03-12T08:00 (UTC)") from None


def words_of(asked: Asked, settings: Settings, read: Recorded) -> list[CommandGiven]:
    return sorted((command_of(said, settings, read) for said in asked.target_at), key=lambda command: command.at_ms)


def command_of(said: str, settings: Settings, read: Recorded) -> CommandGiven:
    """`BTC=0@2020-03-15T00:00Z`: the operator's word at that moment, while there are prices."""
    word, _, moment = said.partition("@")
    if not moment:
        raise Wrong(Exit.USAGE, f"--target-at {said}: write ASSET=RATIO@TIME, such as BTC=0@2020-03-15T00:00Z")
    ((asset, ratio),) = named([word], "--target-at").items()
    if asset not in settings.assets:
        raise Wrong(Exit.USAGE, f"--target-at {said}: {asset} is not hedged (known: {', '.join(sorted(settings.assets))})")
    wanted = ratio_from(ratio, allow_over_hedge=settings.risk.allow_over_hedge, field=f"--target-at {said}")
    at_ms = moment_of(moment, "--target-at") or 0
    if at_ms >= (ended := ends_ms(read.bars[asset])):
        raise Wrong(
            Exit.USAGE, f"--target-at {said}: prices of {asset} end {when(ended)}, and nothing trades from then on; name a time before"
        )
    return CommandGiven("target-set", "cli", at_ms, asset, wanted)


# ---------------------------------------------------------------------------------------------------------------- settings


def settings_of(asked: Asked, read: Recorded) -> Settings:
    """As `fitted`, and it says what it widened."""
    settings, limits = fitted(asked, read)
    if limits:
        say(f"note: {limits}: ten times the bag, since nobody set them; `-c` or `--set` do")
    return settings


def fitted(asked: Asked, read: Recorded, over: Mapping[str, str] = NOTHING) -> tuple[Settings, str]:
    """The configuration with what was typed over it; limits that nobody wrote down are wide enough for this bag, and told. `over` goes
    before everything. Raise as `replayed`."""
    given = flags_from(asked.sets)
    flags = {**given, **flags_of(asked, read, given), **over}
    settings = from_flags(asked.config, flags, asked.account)
    require_prices(settings, read)
    start = start_usd(settings, read)
    if start == 0:
        raise Wrong(Exit.USAGE, "--bag, --collateral: both are nothing, so there is nothing to hedge; give one of them coins")
    written = {f"{section}.{name}" for section in ("risk", "execution") for name in getattr(settings, section).model_fields_set}
    room = (ROOM * start).quantize(ONE)
    wider = {key: room for key in GROWING if key not in written and room > value_of(settings, key)}
    if room > MOST_USD and wider:
        raise Wrong(
            Exit.USAGE, f"--bag, --collateral: {plain(start)} USD at the first prices is more than anybody holds: correct one of them"
        )
    return widened(settings, wider), ", ".join(f"{key} {value:,f}" for key, value in wider.items())


def widened(settings: Settings, limits: Mapping[str, Decimal]) -> Settings:
    """With higher limits. What was judged before stays true: nothing refuses a limit for being high, but for MOST_USD."""
    sections: dict[str, dict[str, Decimal]] = {}
    for key, value in limits.items():
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    return settings.model_copy(update={name: getattr(settings, name).model_copy(update=values) for name, values in sections.items()})


def require_prices(settings: Settings, read: Recorded) -> None:
    """Of whatever is hedged; and a policy whose time is over before they begin has no point."""
    for asset in settings.assets:
        if asset not in read.bars:
            raise unpriced(asset)
    held = {f"bag.{asset}.coins": holding.declared for asset, holding in settings.outside.items()}
    held |= {f"paper.collateral.{currency}": coins for currency, coins in settings.paper.collateral.items() if currency != "USDT"}
    for key, coins in held.items():
        if coins and (asset := key.split(".")[1 if key.startswith("bag.") else 2]) not in read.bars:
            raise Wrong(
                Exit.USAGE, f"--prices: {key} is {plain(coins)}, and {asset} has no prices: give --prices {asset}=FILE, or --set {key}=0"
            )
    starts_ms = min(bars[0].at_ms for bars in read.bars.values())
    for asset, hedge in settings.hedges.items():
        for key, problem, remedy in hedge.policies.pointless_at(starts_ms):
            raise Wrong(Exit.CONFIGURATION, f"hedges.{asset}.policies.{key}: {problem}; {remedy}")


def too_small(settings: Settings, read: Recorded) -> Iterator[str]:
    """Hedges that count as none at the first prices: nothing would be traded, and nothing say why."""
    carried = {cross.with_ for cross in settings.crosses.values()}
    for asset, hedge in settings.legs.items():
        usd = hedge.ratio * coins_of(settings, asset) * read.bars[asset][0].open
        if asset not in carried and 0 < usd < settings.band.min_order_usd:
            least = plain(settings.band.min_order_usd)
            yield f"hedging {asset} takes {usd:,.2f} USD at the first price, and band.min_order_usd is {least}: so little counts as none"


def value_of(settings: Settings, key: str) -> Decimal:
    section, name = key.split(".")
    found: Decimal = getattr(getattr(settings, section), name)
    return found


def unpriced(asset: str) -> Wrong:
    return Wrong(Exit.USAGE, f"--prices: {asset} is hedged, or hedges another one, and has no prices: give --prices {asset}=FILE")


def from_flags(config: Path | None, flags: Mapping[str, str], account: str | None) -> Settings:
    try:
        return settings_from(config, flags=flags, account=account, search=False)
    except SettingsError as error:
        for finding in error.findings:
            if finding.key.startswith("paper.price."):  # they begin with the file
                raise unpriced(finding.key.rpartition(".")[2]) from None
        raise


def flags_of(asked: Asked, read: Recorded, given: Mapping[str, str]) -> dict[str, str]:
    """Paper, armed, and the bag as typed. Without a configuration every priced asset is hedged, at the ratio that was `given` or 1."""
    bag, ratio = amounts(asked.bag, "--bag"), amounts(asked.ratio, "--ratio")
    crossed, ruled = cross_flags(asked.crosses), policy_flags(asked.policies)
    carried = {key.split(".")[1] for key in crossed}
    posted = amounts(asked.collateral, "--collateral")
    coins = [currency for currency in posted if currency != "USDT"]
    withs = [value for key, value in crossed.items() if key.endswith(".cross.with")]
    flags = {"mode": "live", "venue.name": "paper", "venue.environment": "null", "venue.base_url": "null", "paper.feed": "synthetic"}
    named_by = {"--bag": bag, "--ratio": ratio, "--collateral": coins, "--cross": [*sorted(carried), *withs]}
    for option, assets in (*named_by.items(), ("--policy", sorted({key.split(".")[1] for key in ruled}))):
        for asset in assets:
            if asset not in read.bars:
                raise Wrong(Exit.USAGE, f"{option} {asset}: there are no prices of {asset}: give --prices {asset}=FILE")
    for asset, bars in read.bars.items():
        flags[f"paper.price.{asset}"] = plain(bars[0].open)
        if asked.config is None:
            if asset not in posted and "USDT" not in posted and asset not in carried:
                raise Wrong(Exit.USAGE, f"--collateral: nothing is posted for {asset}: give --collateral {asset}=COINS")
            bare = {f"bag.{asset}.coins": "0", f"hedges.{asset}.ratio": "1.0"}
            flags |= {key: value for key, value in bare.items() if key not in given}
        if asset in bag:
            flags[f"bag.{asset}.coins"] = bag[asset]
        if asset in ratio:
            flags[f"hedges.{asset}.ratio"] = ratio[asset]
        if asked.basis is not None and asset not in carried:
            flags[f"hedges.{asset}.basis"] = asked.basis
        if asked.top_up and asset not in carried and not linear(asset, given):
            flags |= topped_up(asset, bag.get(asset), given)
    posted_flags = {f"paper.collateral.{currency}": amount for currency, amount in posted.items()}
    return {**flags, **posted_flags, **crossed, **ruled}


def linear(asset: str, given: Mapping[str, str]) -> bool:
    """Is its margin USDT, so that no coin of the bag can be posted for it?"""
    return given.get(f"hedges.{asset}.instrument", "").endswith(":USDT")


def topped_up(asset: str, coins: str | None, given: Mapping[str, str]) -> dict[str, str]:
    """The typed bag lies in the spot wallet, and all of it may move at once, but for what somebody wrote down."""
    flags = {f"collateral.{asset}.auto_transfer": "true"}
    if coins is not None:
        caps = ("max_transfer_coins", "max_transfer_coins_per_day")
        flags |= {f"paper.wallet.{asset}": coins, **{f"collateral.{asset}.{name}": coins for name in caps}}
    return {key: value for key, value in flags.items() if key not in given}


def cross_flags(said: Sequence[str]) -> dict[str, str]:
    """`SOL=BTC:candle=4h,lookback=180`; what is not said stands as it does by default."""
    flags: dict[str, str] = {}
    for text in said:
        head, _, words = text.partition(":")
        asset, equals, other = head.partition("=")
        if not (equals and asset and other):
            raise Wrong(Exit.USAGE, f"--cross {text}: write ASSET=WITH, such as --cross SOL=BTC")
        above = f"hedges.{asset}.cross"
        if f"{above}.with" in flags:
            raise Wrong(Exit.USAGE, f"--cross is given twice for {asset}: one contract hedges it")
        flags[f"{above}.with"] = other
        for word in filter(None, words.split(",")):
            key, equals, value = word.partition("=")
            if not equals or key not in Cross.model_fields:
                keys = ", ".join(name for name in Cross.model_fields if name != "with_")
                raise Wrong(Exit.USAGE, f"--cross {text}: {word!r} is no setting of a cross-hedge; write KEY=VALUE with one of {keys}")
            flags[f"{above}.{key}"] = value
    return flags


def policy_flags(said: Sequence[str]) -> dict[str, str]:
    """`ETH=ramp:days=10,steps=5`, or without an asset BTC's; what is not said stands as it does by default."""
    flags: dict[str, str] = {}
    for text in said:
        head, _, words = text.partition(":")
        asset, equals, name = head.partition("=")
        if not equals:
            asset, name = "BTC", head
        known = policies_by_name()
        if name not in known:
            raise Wrong(Exit.USAGE, f"--policy {text}: {name!r} is no policy; there are {', '.join(known)}")
        above = f"hedges.{asset}.policies.{name}"
        if any(key.startswith(f"{above}.") for key in flags):
            raise Wrong(Exit.USAGE, f"--policy {name} is given twice for {asset}: a hedge has one of each")
        fields = known[name].model_fields.items()
        flags |= {f"{above}.{key}": str(one.default) for key, one in fields if not one.is_required() and one.default is not None}
        for word in filter(None, words.split(",")):
            key, equals, value = word.partition("=")
            if key == "candle":
                flags[f"hedges.{asset}.policies.candle"] = value
            elif equals and key in known[name].model_fields:
                flags[f"{above}.{key}"] = value
            else:
                keys = ", ".join(known[name].model_fields)
                raise Wrong(Exit.USAGE, f"--policy {text}: {word!r} is no setting of {name}; write KEY=VALUE with one of {keys}")
    return flags


def start_usd(settings: Settings, read: Recorded) -> Decimal:
    """What bag and collateral are worth at the first prices; USDT counts as dollars."""
    total = ZERO
    for asset, bars in read.bars.items():
        total += coins_of(settings, asset) * bars[0].open
    return total + settings.paper.collateral.get("USDT", ZERO)
