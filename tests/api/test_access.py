"""Is the token made once, kept from others, and never printed?"""

import stat

import pytest
import structlog
from pydantic import SecretStr

from bot.access import bearer_matches, ensure_token, read_token
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
    assert bearer_matches(header, SecretStr("abc")) is same


def test_no_token_matches_nothing():
    assert not bearer_matches("Bearer ", SecretStr(""))
