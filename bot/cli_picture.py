"""How does a page or a drawing become the file that was named? As it is, or as pixels; whole or not at all."""

import os
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot.cli_exit import Wrong
from bot.exit_codes import Exit

SHARP: Final = 2.0  # pixels for each unit of a drawing


def require_place(file: Path, option: str, taken: Iterable[Path]) -> None:
    """Can it be written, and is it none of the files that are read or written besides? Raise Wrong: before anything is run."""
    if is_device(file):
        return
    place = file.resolve()
    for one in taken:
        if one.resolve() in (place, part_of(place)) or (one.exists() and file.exists() and one.samefile(file)):
            raise Wrong(Exit.USAGE, f"{option} {file}: would be written over {one}; name another file")
    if not place.parent.is_dir():
        raise Wrong(Exit.USAGE, f"{option} {file}: there is no folder {file.parent}; make it, or name another file")
    if place.is_dir():
        raise Wrong(Exit.USAGE, f"{option} {file}: is a folder; name a file")
    try:
        if place.exists():
            place.open("ab").close()  # nothing is added
        part_of(place).touch()
        part_of(place).unlink()
    except OSError as error:
        raise Wrong(Exit.USAGE, f"{option} {file}: cannot be written ({error.strerror}); name another file") from None


def require_picture(file: Path, option: str, taken: Iterable[Path]) -> None:
    """As `require_place`, and can it be drawn under this name?"""
    if file.suffix.lower() not in (".svg", ".png"):
        raise Wrong(Exit.USAGE, f"{option} {file}: a picture ends in .svg or .png; name it so")
    if file.suffix.lower() == ".png" and find_spec("vl_convert") is None:
        raise Wrong(Exit.FAILURE, f"{option} {file}: a PNG file needs an extra: pip install 'hedgebot[report]', or name a .svg file")
    require_place(file, option, taken)


def write_picture(svg: str, file: Path, option: str) -> None:
    """`svg` as the name of the file asks. Raise Wrong."""
    write(pixels(svg) if file.suffix.lower() == ".png" else svg.encode(), file, option)


def pixels(svg: str) -> bytes:
    import vl_convert  # draws text with fonts that it brings along

    png: bytes = vl_convert.svg_to_png(svg, scale=SHARP)
    return png


def write(content: bytes, file: Path, option: str) -> None:
    """Beside it and renamed: what was there stays whole until then. A link goes on leading to its file. Raise Wrong."""
    place = file.resolve()
    part = part_of(place)
    try:
        if is_device(file):
            file.write_bytes(content)
            return
        with part.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        part.replace(place)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise Wrong(Exit.FAILURE, f"{option} {file}: cannot be written ({error.strerror}); make room or name another file") from None


def part_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.part")


def is_device(file: Path) -> bool:
    """/dev/stdout and its like: nothing takes their place."""
    return file.exists() and not file.is_file() and not file.is_dir()
