"""How does a page or a drawing become the file that was named? As it is, or as pixels."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot.cli_exit import Wrong
from bot.exit_codes import Exit

SHARP: Final = 2.0  # pixels for each unit of a drawing


def require_picture(file: Path, option: str) -> None:
    """Can it be drawn under this name? Raise Wrong: before anything is run."""
    if file.suffix.lower() not in (".svg", ".png"):
        raise Wrong(Exit.USAGE, f"{option} {file}: a picture ends in .svg or .png; name it so")
    if file.suffix.lower() == ".png" and find_spec("vl_convert") is None:
        raise Wrong(Exit.FAILURE, f"{option} {file}: a PNG file needs an extra: pip install 'hedgebot[report]', or name a .svg file")


def write_picture(svg: str, file: Path, option: str) -> None:
    """`svg` as the name of the file asks. Raise Wrong."""
    require_picture(file, option)
    write(pixels(svg) if file.suffix.lower() == ".png" else svg.encode(), file, option)


def pixels(svg: str) -> bytes:
    import vl_convert  # draws text with fonts that it brings along

    png: bytes = vl_convert.svg_to_png(svg, scale=SHARP)
    return png


def write(content: bytes, file: Path, option: str) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Wrong(Exit.FAILURE, f"{option} {file}: cannot be written ({error.strerror}); name another file") from None
