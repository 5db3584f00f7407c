"""Which accounts does the file name, and what is each one's own?

`accounts: {NAME: {…}}` lies over what stands outside it, for each name apart. What two accounts may never share is refused here: a key
of a venue, and a paper venue's database.
"""

from copy import deepcopy
from pathlib import PurePosixPath

from bot.settings_root import Settings
from bot.settings_text import Finding, Key, SettingsError, Tree, Written
from bot.settings_variables import folded, variable


def accounts_of(written: Written) -> dict[str, Written]:
    """The tree of every account by its name; the only one is named by `account`, which is "" where nobody wrote it. Raise SettingsError."""
    named = written.tree.pop("accounts", None)
    if not isinstance(named, dict) or not named:
        return {str(written.tree.get("account") or ""): written}
    if "account" in written.tree:
        raise SettingsError(
            [Finding(written.where["account",], "account", "stands beside `accounts`", "an account is named once: delete `account`")]
        )
    alike: dict[str, str] = {}
    for name in named:
        if folded(name) in alike:
            problem = f"is {alike[folded(name)]} to the environment and to a secrets folder, which tell neither case nor - from _"
            raise SettingsError([Finding(written.where["accounts", name], f"accounts.{name}", problem, "give it another name")])
        alike[folded(name)] = name
    return {name: own_of(written, name, own if isinstance(own, dict) else {}, alone=len(named) == 1) for name, own in named.items()}


def own_of(written: Written, name: str, own: Tree, *, alone: bool) -> Written:
    """What holds for one account."""
    mine = Written(deepcopy(written.tree), dict(written.where))
    for key in [key for key in mine.where if key[:2] == ("accounts", name)]:
        mine.where[key[2:] or ("account",)] = mine.where[key]
    lay_over(mine.tree, deepcopy(own))
    mine.tree["account"] = name
    if not alone and ("accounts", name, "paper", "url") not in written.where:
        paper = mine.tree.setdefault("paper", {})
        if isinstance(paper, dict):
            paper["url"] = paper_url(str(paper.get("url") or Settings.model_fields["paper"].default.url), name)
    return mine


def paper_url(shared: str, account: str) -> str:
    """A paper venue's database for each account, beside the shared name: paper.db becomes paper-NAME.db."""
    path = PurePosixPath(shared)
    return shared[: len(shared) - len(path.name)] + f"{path.stem}-{account}{path.suffix}"


def lay_over(tree: Tree, own: Tree) -> None:
    for name, value in own.items():
        below = tree.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            lay_over(below, value)
        else:
            tree[name] = value


def shared_by_mistake(accounts: list[Settings], where: str) -> list[Finding]:
    """What two accounts have in common and must not."""
    found = []
    seen: dict[Key, str] = {}
    for settings in accounts:
        venue, name = settings.venue, settings.account
        if venue.name == "paper":
            what: Key = ("paper", settings.paper.url)
            key, problem, remedy = (
                "paper.url",
                f"is {settings.paper.url} for account {{}} too",
                f"give accounts.{name}.paper a url of its own",
            )
        elif venue.api_key is not None:
            what = (venue.name, venue.environment or "", venue.api_key.get_secret_value())
            key, problem = "venue.api_key", "is the key of account {} too: two bots would trade one account of the venue against each other"
            remedy = f"set {variable(('accounts', name, 'venue', 'api_key'))}_FILE to a file with a key of its own"
        else:
            continue
        if what in seen:
            found.append(Finding(where, f"accounts.{name}.{key}", problem.format(seen[what]), remedy))
        seen.setdefault(what, name)
    return found
