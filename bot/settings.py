"""Which rules does this run follow? File, environment, flags and secrets become one frozen `Settings`, or a SettingsError saying why not.

Precedence: flag > environment `HEDGEBOT__A__B` > file > default. Secrets come from the environment, from files that the environment
names (`…_FILE`) or from a secrets folder, and from nowhere else.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr, ValidationError

from bot.core.model import Basis, Kind
from bot.core.rules import CollateralRule, ExecutionRule, Foreign, LegRule, RiskRule, Rules, Schedule
from bot.settings_accounts import accounts_of, shared_by_mistake
from bot.settings_keys import Known, UnknownKey, alternatives, find, leaves
from bot.settings_model import Collateral
from bot.settings_outside import Outside, read_environment, read_flags, read_secrets
from bot.settings_root import LIMITS, Settings
from bot.settings_text import Finding, Key, SettingsError, Tree, Written, read_file
from bot.settings_values import plain, shown
from bot.settings_variables import variable

__all__ = [
    "DEFAULT_FILE",
    "Finding",
    "Settings",
    "SettingsError",
    "config_hash",
    "defaulted_limits",
    "load",
    "load_all",
    "to_rules",
]

DEFAULT_FILE: Final = Path("hedge.yaml")


def load(path: Path | None, env: Mapping[str, str], flags: Mapping[str, str], account: str | None = None) -> Settings:
    """The settings of the only account, or of the one that is named; as `load_all` otherwise."""
    found = load_all(path, env, flags, account)
    if len(found) > 1:
        names = ", ".join(settings.account for settings in found)
        problem = f"names {len(found)} accounts ({names}), and this is about one of them"
        raise SettingsError([Finding(str(path or "configuration"), "accounts", problem, "say which: --account NAME")])
    return found[0]


def load_all(path: Path | None, env: Mapping[str, str], flags: Mapping[str, str], account: str | None = None) -> tuple[Settings, ...]:
    """The settings of every account, or of the one that is named. `path` None reads no file; `flags` are full keys and texts, such as
    {"hedges.BTC.ratio": "0.5"}; where an account is named, they are about that one.

    Raises SettingsError. Reads the file, the secret files and the secrets folder; nothing else.
    """
    written = read_file(path) if path is not None else Written()
    findings = _judge_file(written)
    if findings:
        raise SettingsError(findings)
    where = str(path or "configuration")
    trees = accounts_of(written)
    loaded: list[Settings] = []
    for name, tree in trees.items():
        try:
            said = flags if account in (None, name) else {key: text for key, text in flags.items() if key.startswith("accounts.")}
            loaded.append(_one(tree, frozenset(trees) - {name}, path, env, said))
        except SettingsError as error:
            findings += error.findings
    findings += shared_by_mistake(loaded, where)
    if findings:
        raise SettingsError(list(dict.fromkeys(findings))) from None  # no traceback leads to what stood in a secret
    names = tuple(settings.account for settings in loaded)
    if len(names) > 1:
        for settings in loaded:
            settings._accounts = names
    if account is None:
        return tuple(loaded)
    chosen = tuple(settings for settings in loaded if settings.account == account)
    if not chosen:
        raise SettingsError([Finding("command line", "", f"--account {account} is not in {where}", f"the accounts are {', '.join(names)}")])
    return chosen


def _one(written: Written, others: frozenset[str], path: Path | None, env: Mapping[str, str], flags: Mapping[str, str]) -> Settings:
    """One account: what is written, and what environment and flags say about it."""
    findings: list[Finding] = []
    in_file = set(written.where)
    account = str(written.tree.get("account") or Settings.model_fields["account"].default)
    tree = written.tree
    outside = [read_secrets(env, account, tree, others), read_environment(env, account, tree, others), read_flags(flags, account, others)]
    for source in outside:
        findings += source.findings
    if findings:
        raise SettingsError(findings)
    for source in outside:
        _overlay(written, source)
    try:
        settings = Settings.model_validate(written.tree)
    except ValidationError as error:
        raise SettingsError(_explain(error, written, path)) from None
    if settings.venue.environment == "production" and (missing := _limits_not_in(in_file, settings, path)):
        raise SettingsError(missing)
    return settings


# ------------------------------------------------------------------------------------------------------------------ the file


def _judge_file(written: Written) -> list[Finding]:
    """Refuse unknown keys and secrets; bring number-or-map values and empty sections into one shape."""
    findings: list[Finding] = []

    def walk(tree: Tree, above: Key) -> Tree:
        kept: Tree = {}
        for name, text in tree.items():
            key, value = (*above, name), text
            try:
                place = find(key)
            except UnknownKey as unknown:
                findings.append(_unknown(unknown, written.where[key], ".".join))
                continue
            if place.secret:
                findings.append(_secret_in_file(key, written.where[key]))
            elif place.below is None:
                if isinstance(value, dict):
                    findings.append(_finding(written, key, "has keys below it, but is a single value", _meaning(place)))
                else:
                    kept[name] = value
            elif value is None:
                if find(above).is_map:
                    kept[name] = {}  # an asset that is named is meant; a heading with nothing under it says nothing
                elif place.nullable:
                    kept[name] = None
            else:
                if place.number_means_btc and not isinstance(value, dict):
                    value = {"BTC": value}
                    written.where[(*key, "BTC")] = written.where[key]
                if isinstance(value, dict):
                    kept[name] = walk(value, key)
                else:
                    findings.append(_finding(written, key, f"is {shown(value)}, but has keys below it", _inside(key, place)))
        return kept

    written.tree = walk(written.tree, ())
    return findings


def _secret_in_file(key: Key, where: str) -> Finding:
    name = variable(key)
    remedy = (
        f"delete the line (and change the secret if others could read it), and set {name}_FILE=/path/to/a/file that holds it, or {name}"
    )
    return Finding(where, ".".join(key), "is a secret, and secrets do not belong into this file", remedy)


def _unknown(unknown: UnknownKey, where: str, spell: Any) -> Finding:
    if unknown.nearest:
        remedy = f"did you mean {spell(unknown.nearest)}?"
    elif unknown.siblings:
        remedy = f"the keys here are {', '.join(unknown.siblings)}"
    else:
        remedy = "delete it: nothing lies below this key"
    return Finding(where, ".".join(unknown.key), "is not a key that exists", remedy)


def _inside(key: Key, place: Known) -> str:
    name = next(iter(place.below or {}))
    return f"write `{'.'.join(key)}: {{{'BTC' if name == '*' else name}: …}}`"


def _meaning(place: Known) -> str:
    return f"it means: {place.field.description}" if place.field and place.field.description else "write one value"


def _finding(written: Written, key: Key, problem: str, remedy: str, otherwise: str = "configuration") -> Finding:
    """A finding at the nearest place that somebody wrote."""
    for length in range(len(key), 0, -1):
        if place := written.where.get(key[:length]):
            return Finding(place, ".".join(key), problem, remedy)
    return Finding(otherwise, ".".join(key), problem, remedy)


# ------------------------------------------------------------------------------------------------------------------ one over the other


def _overlay(written: Written, source: Outside) -> None:
    for given in source.values:
        tree = written.tree
        for name in given.key[:-1]:
            below = tree.get(name)
            if not isinstance(below, dict):
                below = tree[name] = {}
            tree = below
        tree[given.key[-1]] = given.value
        written.where[given.key] = given.where


# ------------------------------------------------------------------------------------------------------------------ refusals


def _explain(error: ValidationError, written: Written, path: Path | None) -> list[Finding]:
    """pydantic's errors in the words of the person who wrote the file. Never repeats a secret."""
    findings = []
    otherwise = str(path) if path else "configuration"
    for one in error.errors(include_url=False, include_input=False):
        context = one.get("ctx", {})
        key: Key = tuple(str(part) for part in one["loc"] if part != "[key]")
        if one["type"] == "refused":
            findings.append(_finding(written, (*key, *context["at"]), context["problem"], context["remedy"], otherwise))
            continue
        findings.append(_finding(written, key, *_plain_words(one["type"], one["msg"], context, key, written), otherwise))
    return findings


BOUNDS: Final = {"greater_than": ("gt", "more than"), "greater_than_equal": ("ge", "at least"), "less_than": ("lt", "less than")} | {
    "less_than_equal": ("le", "at most")
}


def _plain_words(kind: str, message: str, context: Mapping[str, Any], key: Key, written: Written) -> tuple[str, str]:
    try:
        place = find(key)
    except UnknownKey:
        place = None
    meaning = _meaning(place) if place else "mend it"
    secret = place is not None and place.secret
    value: Any = written.tree
    for name in key:
        value = value.get(name) if isinstance(value, dict) else None
    said = "" if secret or value is None or isinstance(value, dict) else f"is {shown(value)}, but "
    if kind == "missing":
        return "is not given", f"add it; {meaning}"
    if kind in BOUNDS:
        limit, words = BOUNDS[kind]
        bound = plain(Decimal(str(context[limit]).removeprefix("Decimal('").removesuffix("')")))  # pydantic tells a decimal as its repr
        return f"{said}must be {words} {bound}", meaning
    if kind == "literal_error":
        return f"{said}must be {context['expected']}", meaning
    if kind == "string_pattern_mismatch":
        last = key[-1] if key else ""
        if last.upper() != last and find(key).field is None:
            return "is not the name of an asset", f"did you mean {last.upper()}?"
        return f"{said}must match {context['pattern']}", "use letters and digits"
    if value is None and not secret:
        return "is empty", meaning
    return f"{said or 'is '}wrong ({message})", meaning


def _limits_not_in(in_file: set[Key], settings: Settings, path: Path | None) -> list[Finding]:
    where = str(path) if path else "configuration"
    return [
        Finding(
            where,
            ".".join(key),
            f"does not stand in the file, and account {settings.account} is on production",
            f"write down the limit you want (the default elsewhere is {_text(place.field.default if place.field else None)})",
        )
        for key, place in limits_of(settings)
        if key not in in_file and key not in settings.optional_limits
    ]


def limits_of(settings: Settings) -> Iterator[tuple[Key, Known]]:
    """Every key that limits something here: on production it stands in the file."""
    for section in LIMITS:
        yield from leaves((section,))
    moving = [asset for asset, rule in sorted(settings.collateral.items()) if rule.auto_transfer]
    for key, place in leaves(("collateral",)):
        yield from ((("collateral", asset, *key[2:]), place) for asset in moving if key[-1] != "auto_transfer")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return plain(value) if isinstance(value, Decimal) else str(value)


# ------------------------------------------------------------------------------------------------------------------ what others ask


def defaulted_limits(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The limits that nobody wrote down, with the defaults that apply: to be logged at start."""
    limits = tuple(
        (f"{section}.{name}", _text(getattr(part, name)))
        for section in LIMITS
        for part in [getattr(settings, section)]
        for name in type(part).model_fields
        if name not in part.model_fields_set and (section, name) not in settings.optional_limits
    )
    return limits + tuple(
        (f"collateral.{asset}.{name}", _text(getattr(rule, name)))
        for asset, rule in sorted(settings.collateral.items())
        for name in type(rule).model_fields
        if rule.auto_transfer and name not in rule.model_fields_set
    )


def overrides(settings: Settings) -> tuple[str, ...]:
    """What stands by the operator's word where the bot would otherwise prove it: on record with the start, and shown."""
    linear = [asset for asset, hedge in settings.hedges.items() if hedge.allow_linear and settings.kind(asset) is Kind.LINEAR]
    return (
        *(("environment via base_url",) if settings.venue.base_url is not None else ()),
        *(f"{settings.hedges[asset].instrument} for want of an inverse contract (allow_linear)" for asset in linear),
    )


def config_hash(settings: Settings) -> str:
    """SHA-256 of everything that is in force and no secret. How a number was spelt (1, 1.0) makes no difference."""
    bands = {asset: [plain(edge) for edge in _edges(settings, asset)] for asset in settings.assets}
    text = json.dumps({"settings": _canonical(settings), "bands": bands}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _edges(settings: Settings, asset: str) -> tuple[Decimal, ...]:
    band = settings.band_of(asset)
    return band.low, band.safe_low, band.safe_high, band.high


def _canonical(value: Any) -> Any:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        return {name: _canonical(getattr(value, name)) for name, field in fields if SecretStr not in alternatives(field.annotation)}
    if isinstance(value, dict):
        return {name: _canonical(part) for name, part in value.items()}
    return plain(value) if isinstance(value, Decimal) else value


def to_rules(settings: Settings, *, version: str, absence_ms: int, absence_polls: int) -> Rules:
    """The configuration as the core sees it: fractions for basis points, milliseconds for seconds, legs in order of asset."""
    execution, risk, band = settings.execution, settings.risk, settings.band
    return Rules(
        version=version,
        account=settings.account,
        venue=settings.venue.name,
        environment=settings.venue.environment,
        live=settings.mode == "live",
        legs=tuple(
            LegRule(
                asset,
                hedge.instrument,
                Basis(hedge.basis),
                hedge.ratio,
                settings.band_of(asset),
                hedge.policies.rules,
                _transit_ms(settings, asset),
                settings.auto_band,
                _collateral(settings, asset),
            )
            for asset, hedge in sorted(settings.legs.items())
        ),
        execution=ExecutionRule(
            order_ttl_ms=_ms(execution.order_ttl_seconds),
            max_reprices=execution.max_reprices,
            cross_after_ms=_ms(execution.cross_after_seconds),
            max_slippage=execution.max_slippage_bps / 10000,
            max_order_usd=execution.max_order_usd,
            min_order_usd=band.min_order_usd,
            cooldown_ms=_ms(band.cooldown_seconds),
            schedule=Schedule(execution.schedule),
            schedule_above_usd=execution.schedule_above_usd,
            slices=execution.slices,
            horizon_ms=_ms(execution.horizon_seconds),
            urgency=execution.urgency,
            max_depth_share=execution.max_depth_share,
            reprice_after_ms=None if execution.reprice_after_seconds is None else _ms(execution.reprice_after_seconds),
        ),
        risk=RiskRule(
            max_leverage=risk.max_leverage,
            hard_leverage=risk.hard_leverage,
            max_position_usd=risk.max_position_usd,
            max_turnover_usd_per_day=risk.max_turnover_usd_per_day,
            max_orders_per_minute=risk.max_orders_per_minute,
            price_collar=risk.price_collar_bps / 10000,
            max_data_age_ms=_ms(risk.max_data_age_seconds),
            allow_over_hedge=risk.allow_over_hedge,
        ),
        foreign=Foreign(settings.reconcile.foreign),
        absence_polls=absence_polls,
        absence_ms=absence_ms,
        crosses=tuple(
            cross.rule(asset, settings.hedges[asset].ratio, settings.band_of(asset), settings.hedges[asset].policies.rules)
            for asset, cross in sorted(settings.crosses.items())
        ),
    )


def _collateral(settings: Settings, asset: str) -> CollateralRule:
    rule = settings.collateral.get(asset, Collateral())
    return CollateralRule(rule.auto_transfer, rule.low, rule.high, rule.max_transfer_coins, rule.max_transfer_coins_per_day)


def _transit_ms(settings: Settings, asset: str) -> int:
    holding = settings.outside[asset]
    return _ms(holding.transit_seconds) if holding.read else 0


def _ms(seconds: Decimal) -> int:
    return int(seconds * 1000)
