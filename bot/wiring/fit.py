"""Is the account fit for the hedge of this configuration? Asked at every start and by `check --online`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from bot.exit_codes import Exit
from bot.ports import Clock, Exchange, Misconfigured, NotReady
from bot.settings import Settings, overrides
from bot.settings_check import check, keyless
from bot.settings_text import SettingsError
from bot.settings_variables import own_variable

if TYPE_CHECKING:
    from adapters.exchanges.preflight import Finding

log = structlog.get_logger("hedgebot")


def refuse_what_check_refuses(settings: Settings) -> None:
    """Raise SettingsError in the words of `hedgebot check`. Without any key a bot may still look, dry."""
    lacking = keyless(settings)
    errors = [finding for finding in check(settings) if finding.severity == "error" and finding not in lacking]
    if errors:
        raise SettingsError(errors)


def require_key(settings: Settings) -> None:
    """Raise SettingsError where a bot is to send orders and has no key."""
    if lacking := keyless(settings):
        raise SettingsError(list(lacking))


def sealed(settings: Settings) -> str:
    """Why this process can never send an order, whatever is said to it; empty if it can."""
    lacking = [tuple(finding.key.split(".")) for finding in keyless(settings)]
    files = ", ".join(f"{own_variable(key, settings.account, settings.accounts)}_FILE" for key in lacking)
    return f"no key is configured for {settings.venue.name}: set {files}, then start the bot again" if lacking else ""


async def fit_to_hedge(exchange: Exchange, settings: Settings, symbols: Sequence[str], clock: Clock) -> tuple[str, ...]:
    """Pre-flight of a venue that is connected; what stands only by the operator's word, for the record.

    Raise Misconfigured with everything that must be set otherwise, or NotReady where no setting is to blame.
    """
    found = await findings(exchange, settings, symbols, clock)
    for finding in found:
        (log.error if finding.severity == "error" else log.warning)("preflight", what=finding.what, next=finding.remedy)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        text = "\n".join(str(finding) for finding in errors) + "; nothing was sent"
        raise (Misconfigured if any(finding.exit_code == Exit.CONFIGURATION for finding in errors) else NotReady)(text)
    return (*overrides(settings), *(finding.on_record for finding in found if finding.on_record))


async def findings(exchange: Exchange, settings: Settings, symbols: Sequence[str], clock: Clock) -> "tuple[Finding, ...]":
    """None on paper; nothing can be asked without a key."""
    if settings.venue.name == "paper" or settings.venue.api_key is None:
        return ()
    from adapters.exchanges.ccxt_exchange import CcxtExchange
    from adapters.exchanges.preflight import Wish, preflight

    assert isinstance(exchange, CcxtExchange)
    wish = Wish(
        live=settings.mode == "live",
        min_order_usd=settings.band.min_order_usd,
        max_order_usd=settings.execution.max_order_usd,
        max_position_usd=settings.risk.max_position_usd,
        allow_withdraw_key=settings.venue.allow_withdraw_key,
        transfers=any(rule.auto_transfer for rule in settings.collateral.values()),
    )
    return await preflight(exchange, symbols, clock, wish)
