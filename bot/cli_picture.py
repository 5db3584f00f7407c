"""How does an answer become the file that was named? A drawing as it is or as pixels; whole or not at all."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from shutil import copymode
from typing import BinaryIO, Final

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
    """As `whole`."""
    with whole(file, option) as out:
        out.write(content)


@contextmanager
def whole(file: Path, option: str) -> Iterator[BinaryIO]:
    """Whatever is written in the block, or what was there before. A link goes on leading to its file. Raise Wrong."""
    try:
        with file.open("wb") if is_device(file) else instead_of(file.resolve()) as out:
            yield out
    except OSError as error:
        raise Wrong(Exit.FAILURE, f"{option} {file}: cannot be written ({error.strerror}); make room or name another file") from None


@contextmanager
def instead_of(place: Path) -> Iterator[BinaryIO]:
    """Beside it, with its rights, and renamed when all of it is on the disk."""
    part = part_of(place)
    try:
        with part.open("wb") as out:
            if place.exists():
                copymode(place, part)
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(place)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def part_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.part")


def is_device(file: Path) -> bool:
    """/dev/stdout and its like: nothing takes their place."""
    return file.exists() and not file.is_file() and not file.is_dir()
