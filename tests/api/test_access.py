"""Is the token made once, kept from others, and never printed?"""

import stat

import pytest
import structlog
from pydantic import SecretStr

from bot.access import ensure_token, read_token
from bot.access_door import ADDRESSES, FAILURES, WITHIN_SECONDS, Denied, Door, Grant, TooOften
from bot.access_tokens import Role, give, given_in, revoke
from bot.logs import scrub
from bot.ports import Misconfigured


def test_a_token_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "hedgebot.token"
    assert read_token(path) is None
    made = ensure_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(made.get_secret_value()) >= 43  # 256 bits
    assert ensure_token(path) == made == read_token(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["hedgebot.token"]


def test_two_databases_have_two_tokens(tmp_path):
    assert ensure_token(tmp_path / "a.token") != ensure_token(tmp_path / "b.token")


def test_a_token_is_masked_wherever_it_would_be_printed(tmp_path):
    made = ensure_token(tmp_path / "hedgebot.token")
    assert made.get_secret_value() not in scrub(f"Authorization: Bearer {made.get_secret_value()}")


def test_a_leftover_of_a_crash_is_overwritten_without_widening_its_mode(tmp_path):
    import os

    leftover = tmp_path / f".hedgebot.token.{os.getpid()}"
    leftover.write_text("half")
    leftover.chmod(0o666)
    made = ensure_token(tmp_path / "hedgebot.token")
    assert read_token(tmp_path / "hedgebot.token") == made
    assert stat.S_IMODE((tmp_path / "hedgebot.token").stat().st_mode) == 0o600


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_token_that_others_can_read_is_used_with_a_warning(tmp_path, mode, warned):
    path = tmp_path / "hedgebot.token"
    path.write_text("given-by-a-person\n")
    path.chmod(mode)
    with structlog.testing.capture_logs() as lines:
        assert read_token(path) == SecretStr("given-by-a-person")
    assert [line["event"] for line in lines] == (["token.readable"] if warned else [])
    assert all(f"chmod 600 {path}" in line["remedy"] for line in lines)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_token_is_refused_by_name(tmp_path, content):
    path = tmp_path / "hedgebot.token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match=r"hedgebot\.token"):
        ensure_token(path)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(Misconfigured, match=r"cannot write the API token to .*absent.*No such file"):
        ensure_token(tmp_path / "absent" / "hedgebot.token")


@pytest.mark.parametrize(
    ("header", "same"),
    [
        ("Bearer abc", True),
        ("bearer abc", True),
        ("Bearer  abc ", True),
        ("Bearer ab", False),
        ("Bearer abcd", False),
        ("Basic abc", False),
        ("abc", False),
        ("Bearer äbc", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_bearer_of_the_whole_token_matches(header, same):
    door = Door(SecretStr("abc"))
    if same:
        assert door.bearer(header, "here") == Grant("", Role.OPERATE)
    else:
        with pytest.raises(Denied):
            door.bearer(header, "here")


def test_no_token_matches_nothing():
    with pytest.raises(Denied):
        Door(SecretStr("")).bearer("Bearer ", "here")


# -------------------------------------------------------------------------------------------- tokens that were given out


AT = "2026-03-01T12:00:00Z"


def test_a_token_that_was_given_out_opens_with_its_role_until_it_is_revoked(tmp_path):
    path = tmp_path / "tokens"
    door = Door(SecretStr("own"), path)
    reads, operates = give(path, "grafana", Role.READ, AT), give(path, "alice", Role.OPERATE, AT)
    assert door.opened(reads, "here") == Grant("grafana", Role.READ)
    assert door.opened(operates, "here") == Grant("alice", Role.OPERATE)
    revoke(path, "grafana")
    with pytest.raises(Denied):
        door.opened(reads, "here")
    assert door.opened(operates, "here").operates
    path.unlink()
    with pytest.raises(Denied):
        door.opened(operates, "here")
    assert door.opened("own", "here").operates


def test_a_token_is_kept_as_its_hash_and_only_its_owner_reads_the_file(tmp_path):
    path = tmp_path / "tokens"
    token = give(path, "grafana", Role.READ, AT)
    assert token not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Denied):
        Door(SecretStr("own"), path).opened(given_in(path)[0].sha256, "here")  # the hash is no token


@pytest.mark.parametrize("name", ["", "UPPER", "a b", "x" * 33, "-a", "ä"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path, name):
    with pytest.raises(Misconfigured, match="cannot name a token"):
        give(tmp_path / "tokens", name, Role.READ, AT)


def test_a_name_is_given_out_once_and_only_a_known_one_is_revoked(tmp_path):
    path = tmp_path / "tokens"
    give(path, "grafana", Role.READ, AT)
    with pytest.raises(Misconfigured, match="was given out already"):
        give(path, "grafana", Role.OPERATE, AT)
    with pytest.raises(Misconfigured, match="known: grafana"):
        revoke(path, "alice")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"tokens": [{"name": "a"}]}',
        '{"tokens": [{"name":"a","role":"root","sha256":"","at":""}]}',
        '{"tokens": [{"name":"a","role":"read","sha256":"h\u00e4sh","at":""}]}',  # which cannot even be compared
    ],
)
def test_a_file_of_tokens_that_cannot_be_read_opens_nothing_but_the_own_token(tmp_path, text):
    path = tmp_path / "tokens"
    path.write_text(text)
    door = Door(SecretStr("own"), path)
    assert door.opened("own", "here").operates
    with pytest.raises(Denied):
        door.opened("other", "here")


def test_a_file_of_tokens_that_is_spoilt_while_the_bot_runs_opens_nothing_any_more(tmp_path):
    path = tmp_path / "tokens"
    token = give(path, "phone", Role.READ, "2026-01-01T00:00:00Z")
    door = Door(SecretStr("own"), path)
    assert door.opened(token, "here").name == "phone"
    path.write_text("{")
    with pytest.raises(Denied):
        door.opened(token, "here")
    assert door.opened("own", "here").operates


# ---------------------------------------------------------------------------------------------------------------- guessing


def test_an_address_that_guessed_ten_times_waits_and_others_do_not():
    now = [0.0]
    door = Door(SecretStr("own"), now=lambda: now[0])
    for _ in range(FAILURES):
        with pytest.raises(Denied):
            door.opened("wrong", "1.2.3.4")
    with pytest.raises(TooOften) as told:
        door.opened("own", "1.2.3.4")  # or the right one would be found among the wrong ones
    assert 1 <= told.value.seconds <= WITHIN_SECONDS + 1
    with pytest.raises(TooOften):
        door.opened("", "1.2.3.4")  # who left his token out is told how long, not asked for one
    assert door.opened("own", "5.6.7.8").operates
    now[0] = WITHIN_SECONDS - 0.1
    with pytest.raises(TooOften):
        door.opened("own", "1.2.3.4")
    now[0] = WITHIN_SECONDS
    assert door.opened("own", "1.2.3.4").operates


def test_nine_wrong_tokens_and_any_number_of_none_are_forgiven():
    door = Door(SecretStr("own"), now=lambda: 0.0)
    for _ in range(FAILURES - 1):
        with pytest.raises(Denied):
            door.opened("wrong", "here")
    for _ in range(50):
        with pytest.raises(Denied):
            door.opened("", "here")
    assert door.opened("own", "here").operates


def test_a_crowd_of_guessers_takes_no_more_memory_than_that():
    door = Door(SecretStr("own"))
    for number in range(ADDRESSES + 50):
        with pytest.raises(Denied):
            door.opened("wrong", f"address {number}")
    assert len(door.failures) == ADDRESSES


def test_of_a_crowd_of_guessers_who_goes_on_is_remembered_and_the_longest_silent_forgotten():
    door = Door(SecretStr("own"))
    for number in (*range(ADDRESSES), 0, ADDRESSES):
        with pytest.raises(Denied):
            door.opened("wrong", f"address {number}")
    assert "address 0" in door.failures
    assert "address 1" not in door.failures
