"""Secrets come from the environment, from files and from a folder, never from hedge.yaml, and they never print."""

import json
import pickle
import traceback
from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, config_hash, load
from bot.settings_check import check
from bot.settings_outside import Given
from tests.settings.conftest import BASE, Load, Refuse

SESAME = "open-sesame-4711"
SECRETS = ["venue.api_key", "venue.api_secret", "venue.passphrase", "audit.password", "api.token"]


def value_of(settings: Settings, key: str) -> str | None:
    section, name = key.split(".")
    secret = getattr(getattr(settings, section), name)
    return None if secret is None else secret.get_secret_value()


def variable(key: str) -> str:
    return "HEDGEBOT__" + key.upper().replace(".", "__")


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_comes_from_a_variable_a_file_or_a_folder(loaded: Load, tmp_path: Path, key: str) -> None:
    assert value_of(loaded(), key) is None
    assert value_of(loaded(env={variable(key).lower(): SESAME}), key) == SESAME

    file = tmp_path / "secret.txt"
    file.write_text(SESAME + "\n")
    assert value_of(loaded(env={variable(key) + "_FILE": str(file)}), key) == SESAME

    for name in (variable(key), key, key.replace(".", "__").upper()):
        folder = tmp_path / f"secrets-{name}"
        folder.mkdir()
        (folder / name).write_text(SESAME + "\r\n")
        (folder / "somebody-elses").write_text("x")
        assert value_of(loaded(env={"HEDGEBOT_SECRETS_DIR": str(folder)}), key) == SESAME


def test_a_variable_beats_the_folder(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "venue.api_key").write_text("old")
    settings = loaded(env={"HEDGEBOT_SECRETS_DIR": str(tmp_path), "HEDGEBOT__VENUE__API_KEY": SESAME})
    assert value_of(settings, "venue.api_key") == SESAME


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_in_the_file_is_refused_and_not_repeated(refused: Refuse, key: str) -> None:
    section, name = key.split(".")
    message = refused(BASE + f"{section}: {{{name}: {SESAME}}}\n")
    assert message.startswith(f"hedge.yaml:3: {key} is a secret")
    assert f"{variable(key)}_FILE" in message
    assert SESAME not in message


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(refused: Refuse) -> None:
    message = refused(flags={"venue.api_key": SESAME})
    assert "every process can read the command line; set HEDGEBOT__VENUE__API_KEY_FILE instead" in message
    assert SESAME not in message


def test_a_wrong_secret_file_names_its_path(refused: Refuse, tmp_path: Path) -> None:
    name = "HEDGEBOT__VENUE__API_KEY_FILE"
    assert f"{name}: venue.api_key names /nowhere/key, which cannot be read (No such file or directory)" in refused(
        env={name: "/nowhere/key"}
    )
    assert f"names {tmp_path}, which cannot be read" in refused(env={name: str(tmp_path)})
    for content, says in ((b"", "empty"), (b"\n\n", "empty"), (b"\xff\xfe", "not UTF-8"), (b"x" * 65537, "too large")):
        file = tmp_path / "key"
        file.write_bytes(content)
        assert says in refused(env={name: str(file)})
    assert "cannot be read" in refused(env={name: "a\0b"})


def test_a_secret_may_be_64_kib_long(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"x" * 65536)
    assert value_of(loaded(env={"HEDGEBOT__VENUE__API_KEY_FILE": str(tmp_path / "key")}), "venue.api_key") == "x" * 65536


def test_a_secret_given_twice_is_refused(refused: Refuse, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SESAME)
    message = refused(env={"HEDGEBOT__VENUE__API_KEY": SESAME, "HEDGEBOT__VENUE__API_KEY_FILE": str(tmp_path / "key")})
    assert "venue.api_key is given twice" in message
    assert SESAME not in message


def test_only_a_secret_has_a_file(refused: Refuse, loaded: Load) -> None:
    assert "HEDGEBOT__RISK__MAX_LEVERAGE_FILE: is not a setting" in refused(env={"HEDGEBOT__RISK__MAX_LEVERAGE_FILE": "/x"})
    assert loaded(env={"HEDGEBOT__KILL_FILE": "stop"}).kill_file == "stop"


def test_a_secrets_folder_that_is_not_there_is_named(refused: Refuse) -> None:
    assert "HEDGEBOT_SECRETS_DIR: names /nowhere, which cannot be listed" in refused(env={"HEDGEBOT_SECRETS_DIR": "/nowhere"})


def test_an_unknown_secret_with_our_prefix_is_refused(refused: Refuse, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "HEDGEBOT__VENUE__APIKEY").write_text(SESAME)
    message = refused(env={"HEDGEBOT_SECRETS_DIR": str(folder)})
    assert "is not a secret that exists; the secrets are HEDGEBOT__VENUE__API_KEY" in message


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("audit", "postgresql://me:open-sesame-4711@host/db"),
        ("audit", "postgresql://host/db?user=me&password=open-sesame-4711"),
        ("audit", "mysql://me:open-sesame-4711@host/db"),
        ("targets", "https://me:open-sesame-4711@host/t.json"),
        ("paper", "sqlite://me:open-sesame-4711@x/y.db"),
    ],
)
def test_a_password_inside_an_address_is_refused_and_not_repeated(refused: Refuse, key: str, url: str) -> None:
    message = refused(BASE + f"{key}: {{url: '{url}'}}\n")
    assert f"{key}.url has a password inside" in message
    assert key != "audit" or "HEDGEBOT__AUDIT__PASSWORD_FILE" in message
    assert SESAME not in message


def test_no_secret_in_any_sink(loaded: Load) -> None:
    env = {variable(key): SESAME for key in SECRETS}
    settings = loaded(env=env)
    texts = [
        repr(settings),
        str(settings),
        f"{settings.venue}",
        settings.model_dump_json(),
        str(settings.model_dump()),
        config_hash(settings),
    ]
    texts += map(str, check(settings))
    texts.append(json.dumps(settings.model_dump(), default=str))
    assert all(SESAME not in text for text in texts)
    assert SESAME in str(pickle.loads(pickle.dumps(settings)).venue.api_key.get_secret_value())  # it is there, and asked for by name


def test_no_secret_in_the_traceback_of_a_refusal(tmp_path: Path) -> None:
    env = {variable(key): SESAME for key in SECRETS}
    (tmp_path / "hedge.yaml").write_text(BASE)
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "hedge.yaml", env, {"hedges.BTC.ratio": "85", "venue.environment": "x"})
    assert SESAME not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__suppress_context__


def test_what_a_source_gave_is_not_in_its_own_repr() -> None:
    assert "canary" not in repr(Given(("venue", "api_key"), "canary", "HEDGEBOT__VENUE__API_KEY"))
