"""Which configuration did the person mean? A file named or found, flags over it, and a word where there is none."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from bot.cli_exit import Wrong
from bot.exit_codes import Exit
from bot.settings import DEFAULT_FILE, Settings, load_all
from bot.settings_variables import PREFIX


def settings_from(
    config: Path | None,
    sets: Sequence[str] | None = None,
    *,
    account: str | None = None,
    flags: Mapping[str, str] | None = None,
    search: bool = True,
) -> Settings:
    """The settings of the account that a command is about: the only one, or the one that is named. Raise as `accounts_from`."""
    found = accounts_from(config, sets, account=account, flags=flags, search=search)
    return found[0] if len(found) == 1 else one_of(found, config)


def accounts_from(
    config: Path | None,
    sets: Sequence[str] | None = None,
    *,
    account: str | None = None,
    flags: Mapping[str, str] | None = None,
    search: bool = True,
) -> tuple[Settings, ...]:
    """The settings of every account, or of the one that is named; with `search`, from ./hedge.yaml where no file is named.

    Raise SettingsError, or Wrong where there is nothing to read.
    """
    said = {**flags_from(sets or ()), **(flags or {})}
    path = config or (DEFAULT_FILE if search and DEFAULT_FILE.exists() else None)
    if path is None and not said and not any(name.upper().startswith(PREFIX) for name in os.environ):
        raise Wrong(Exit.CONFIGURATION, f"there is no {DEFAULT_FILE} here: write one with `hedgebot init`, or name yours with -c FILE")
    found = load_all(path, dict(os.environ), said, account)  # a plain copy: the environment decodes each name whenever it is asked
    for settings in found:
        keep_secrets(settings)
    return found


def keep_secrets(settings: Settings) -> None:
    """From here on no log shows them."""
    venue, told = settings.venue, settings.notify
    urls = (told.critical_urls, told.warning_urls, told.info_urls)
    sources = [one for held in settings.bag.values() for one in held.sources.values()]
    wallets = [key for one in sources for key in (one.api_key, one.api_secret, one.passphrase)]
    for secret in (venue.api_key, venue.api_secret, venue.passphrase, settings.audit.password, settings.api.token, *urls, *wallets):
        if secret is not None:
            from bot.logs import keep_secret

            keep_secret(secret)


def one_of(found: Sequence[Settings], config: Path | None) -> NoReturn:
    names = ", ".join(settings.account for settings in found)
    raise Wrong(Exit.USAGE, f"{config or DEFAULT_FILE} names {len(found)} accounts ({names}): say which one by --account NAME")


def flags_from(sets: Sequence[str]) -> dict[str, str]:
    """`--set risk.max_leverage=1.5`, as often as wanted."""
    flags: dict[str, str] = {}
    for said in sets:
        key, equals, value = said.partition("=")
        if not equals or not key.strip():
            raise Wrong(Exit.USAGE, f"--set {said}: write it as KEY=VALUE, such as --set hedges.BTC.ratio=0.5")
        if key.strip() in flags:
            raise Wrong(Exit.USAGE, f"--set {key.strip()} is given twice: say it once")
        flags[key.strip()] = value.strip()
    return flags
