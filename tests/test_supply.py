"""What do we install? One venue client, everything by its hash, and nothing that only looks like it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
LOCKS = ("requirements-build.txt", "requirements.txt", "requirements-dev.txt", "requirements-image.txt")
ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def locked(name: str) -> dict[str, str]:
    return {found[1].lower(): found[2] for found in ENTRY.finditer((HERE / name).read_text("utf-8"))}


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_exactly_one_package_is_called_ccxt_anything(lock):
    assert [name for name in locked(lock) if "ccxt" in name] == ["ccxt"]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_hashes_and_names_no_address(lock):
    text = (HERE / lock).read_text("utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert {ENTRY.match(entry)[1].lower() for entry in entries} == set(locked(lock))  # one for each Python may stand twice


def test_the_locks_agree_with_each_other_and_with_the_client_that_was_proven():
    dev, plain, image = locked("requirements-dev.txt"), locked("requirements.txt"), locked("requirements-image.txt")
    assert plain.items() <= dev.items()
    assert image.items() <= dev.items()
    assert f'"ccxt=={plain["ccxt"]}"' in (HERE / "pyproject.toml").read_text("utf-8")


def test_the_bill_of_materials_names_every_package_of_the_image(tmp_path):
    tool = str(Path(sys.executable).with_name("cyclonedx-py"))
    made = tmp_path / "sbom.json"
    lock, project = str(HERE / "requirements-image.txt"), str(HERE / "pyproject.toml")
    subprocess.run([tool, "requirements", lock, "--pyproject", project, "--output-reproducible", "-o", str(made)], check=True)
    listed = {part["name"].lower() for part in json.loads(made.read_text("utf-8"))["components"]}
    assert set(locked("requirements-image.txt")) <= listed


def test_a_package_that_could_not_be_asked_about_is_no_clean_bill():
    told = subprocess.run(["make", "-n", "audit-deps"], cwd=HERE, capture_output=True, text=True, check=True).stdout
    command = next(line for line in told.splitlines() if "pip-audit" in line).split()
    assert {"--strict", "--require-hashes", "requirements-image.txt"} <= set(command)  # not strict, it skips them and calls the rest clean
