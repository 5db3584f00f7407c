"""What a wheel carries: the migrations too, or the first start on another machine finds no tables."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

HERE = Path(__file__).parent.parent
PARTS = ("bot", "adapters", "pyproject.toml", "README.md", "LICENSE")


def test_a_wheel_holds_every_source_file_and_every_migration(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for part in PARTS:
        if (HERE / part).is_dir():
            shutil.copytree(HERE / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(HERE / part, source)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "-w", str(tmp_path), str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("hedgebot-*.whl")
    with ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    due = {str(file.relative_to(source)) for package in ("bot", "adapters") for file in (source / package).rglob("*.*")}
    due = {name for name in due if "/build/" not in name and not name.endswith(".pyc")}
    assert any(name.startswith("bot/audit/migrations/versions/r") for name in due)
    assert due <= packed
