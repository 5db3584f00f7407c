"""How is one value read? Text into numbers, switches and addresses, and a refusal that names the remedy."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

NUMBER: Final = re.compile(r"[+-]?(\d{1,60}(\.\d{0,60})?|\.\d{1,60})([eE][+-]?\d{1,2})?", re.ASCII)
WHOLE: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
MOST_USD: Final = Decimal("1e15")
SWITCHES: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Section(BaseModel):
    """A part of hedge.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


def refuse(problem: str, remedy: str, *at: str) -> NoReturn:
    """Reject what is being validated; `at` is the key below it that is to blame."""
    raise PydanticCustomError("refused", "{problem}; {remedy}", {"problem": problem, "remedy": remedy, "at": list(at)})


def shown(value: object) -> str:
    """A value as a refusal may repeat it."""
    if value is None:
        return "empty"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def read_number(value: Any) -> Decimal:
    """Text into Decimal, digit for digit. A float is refused: it was rounded before it came here."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        number = Decimal(value.strip())
    else:
        refuse(f"is {shown(value)}, which is not a number", _number_remedy(value))
    if not number.is_finite():
        refuse(f"is {number}, which is not a number", "write digits with a point, such as 0.5")
    if len(number.as_tuple().digits) > 28:
        refuse("has more than 28 digits", "round it: decisions are computed with 28")
    return number


def _number_remedy(value: object) -> str:
    if isinstance(value, str):
        text = value.strip()
        if text.endswith("%") and NUMBER.fullmatch(text[:-1].strip()):
            return f"did you mean {plain(Decimal(text[:-1].strip()) / 100)}?"
        if NUMBER.fullmatch(text.replace(",", ".", 1)):
            return f"did you mean {text.replace(',', '.', 1)}?"
        if NUMBER.fullmatch(text.replace(",", "").replace("_", "")):
            return f"did you mean {text.replace(',', '').replace('_', '')}?"
    return "write digits with a point, such as 0.5"


def plain(number: Decimal) -> str:
    """A number as a person writes it: no exponent, no trailing zeros."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def read_whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and WHOLE.fullmatch(value.strip()):
        return int(value.strip())
    refuse(f"is {shown(value)}, which is not a whole number", "write digits only, such as 20")


def read_switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in SWITCHES:
        return SWITCHES[value.strip().lower()]
    refuse(f"is {shown(value)}, which is neither true nor false", "write true or false")


def number_means_btc(value: Any) -> Any:
    """A bare number where a map of assets may stand is BTC's."""
    return value if isinstance(value, Mapping) or value is None else {"BTC": value}


def whole_milliseconds(seconds: Decimal) -> Decimal:
    if seconds * 1000 % 1 != 0:
        refuse(f"is {plain(seconds)}, finer than a millisecond", "round it to three decimals")
    return seconds


def checked_url(url: str, schemes: tuple[str, ...], password_remedy: str) -> str:
    """A URL of one of `schemes`, without a password; the message never repeats what may be one."""
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None or any("pass" in name.lower() for name, _ in parse_qsl(parts.query))
        _ = parts.port  # raises when it is no number
    except ValueError:
        refuse("is not a URL", f"write it as {schemes[0]}://…")
    if has_password:
        refuse("has a password inside", password_remedy)
    if parts.scheme not in schemes:
        refuse(f"does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}", f"write it as {schemes[0]}://…")
    if any(not char.isprintable() or char.isspace() for char in url):
        refuse("contains a space or a control character", "write it on one line, without spaces")
    return url


def sqlite_or_postgres(url: str) -> str:
    checked_url(
        url,
        ("sqlite", "postgresql", "postgresql+psycopg"),
        "take it out and set HEDGEBOT__AUDIT__PASSWORD_FILE=/path/to/a/file that holds it (or HEDGEBOT__AUDIT__PASSWORD)",
    )
    if url.startswith("sqlite:"):
        return sqlite_only(url)
    if not urlsplit(url).path.strip("/"):
        refuse("names no database", "write it as postgresql://user@host:5432/database")
    return url


def sqlite_only(url: str) -> str:
    checked_url(url, ("sqlite",), "SQLite has none: take it out")
    if not url.startswith("sqlite:///") or len(url) <= len("sqlite:///"):
        refuse("names no file", "write it as sqlite:///FILE.db (four slashes for an absolute path)")
    if "?" in url or "#" in url:
        refuse("has options behind the file name", "write it as sqlite:///FILE.db")
    return url


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite address; None in memory and on a server."""
    name = url.removeprefix("sqlite:///")
    return None if name == url or name in {"", ":memory:"} else Path(name)


Number = Annotated[Decimal, BeforeValidator(read_number)]
Whole = Annotated[int, BeforeValidator(read_whole)]
Switch = Annotated[bool, BeforeValidator(read_switch)]
Coins = Annotated[Number, Field(ge=0, le=Decimal("1e12"))]
Price = Annotated[Number, Field(gt=0, le=Decimal("1e12"))]
Usd = Annotated[Number, Field(gt=0, le=MOST_USD)]
Multiple = Annotated[Number, Field(gt=0, le=2)]
Leverage = Annotated[Number, Field(gt=0, le=100)]
Bps = Annotated[Number, Field(gt=0, lt=10000)]
Seconds = Annotated[Number, Field(gt=0, le=604800), AfterValidator(whole_milliseconds)]
Asset = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,15}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
PerAsset = BeforeValidator(number_means_btc)
