"""Is this the address of a wallet? Its checksum says so, offline: a mistyped address would show nobody's coins.

Bitcoin: base58check, and bech32 or bech32m (BIP-173, BIP-350), of the main network only. Ethereum: the mixed-case checksum of EIP-55.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32_STEPS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
CHECKS: Final = {0: 1, 1: 0x2BC830A3}  # of witness version 0 (bech32) and of all later ones (bech32m)
SPENDABLE: Final = {0x00, 0x05}  # base58check versions of the main network: to a key, to a script
LANE: Final = 2**64 - 1
RATE: Final = 136  # bytes of a Keccak-256 block


class BadAddress(ValueError):
    """No address of this network; the text says what is wrong with it, in the words that follow "is"."""


def bitcoin(address: str) -> str:
    """The address as it is asked for. Raise BadAddress."""
    if address.lower().startswith(("tb1", "bcrt1")) or address[:1] in ("m", "n", "2"):
        raise BadAddress("of a Bitcoin test network, whose coins are worth nothing")
    return _segwit(address) if address.lower().startswith("bc1") else _base58check(address)


def ethereum(address: str) -> str:
    """The address as it is asked for. Raise BadAddress."""
    digits = address.removeprefix("0x")
    if digits == address or len(digits) != 40 or not all(char in "0123456789abcdefABCDEF" for char in digits):
        raise BadAddress("not an Ethereum address, which is 0x and 40 hexadecimal digits")
    if digits != checksummed(digits):
        if digits in (digits.lower(), digits.upper()):
            raise BadAddress("written without its checksum, which is in capital and small letters")
        raise BadAddress("mistyped: its checksum does not match")
    return address


def checksummed(digits: str) -> str:
    """EIP-55: a letter is a capital one where the hash of the small ones has a digit of 8 or more."""
    hashed = keccak256(digits.lower().encode()).hex()
    return "".join(char.upper() if int(nibble, 16) >= 8 else char for char, nibble in zip(digits.lower(), hashed, strict=False))


def _base58check(address: str) -> str:
    if not 25 <= len(address) <= 35 or not all(char in BASE58 for char in address):
        raise BadAddress("not a Bitcoin address")
    number = 0
    for char in address:
        number = number * 58 + BASE58.index(char)
    if number >= 2**200:
        raise BadAddress("not a Bitcoin address")
    raw = number.to_bytes(25)
    if hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] != raw[21:]:
        raise BadAddress("mistyped: its checksum does not match")
    if raw[0] not in SPENDABLE or len(address) - len(address.lstrip("1")) != 25 - len(raw.lstrip(b"\0")):
        raise BadAddress("not an address of the Bitcoin main network")
    return address


def _segwit(address: str) -> str:
    if address not in (address.lower(), address.upper()):
        raise BadAddress("written in capital and small letters, which this kind of address never is")
    data = address.lower()[3:]
    if not 8 <= len(data) <= 87 or not all(char in BECH32 for char in data):
        raise BadAddress("not a Bitcoin address")
    values = [BECH32.index(char) for char in data]
    version, program = values[0], _bytes(values[1:-6])
    if _polymod([*(ord(char) >> 5 for char in "bc"), 0, *(ord(char) & 31 for char in "bc"), *values]) != CHECKS[min(version, 1)]:
        raise BadAddress("mistyped: its checksum does not match")
    if version > 16 or program is None or not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise BadAddress("not a Bitcoin address, though its checksum matches")
    return address.lower()


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, step in enumerate(BECH32_STEPS):
            check ^= step if top >> bit & 1 else 0
    return check


def _bytes(fives: list[int]) -> bytes | None:
    """Groups of five bits as bytes; None where what is left over is not padding."""
    number = 0
    for value in fives:
        number = number << 5 | value
    spare = len(fives) * 5 % 8
    return None if spare > 4 or number & ((1 << spare) - 1) else (number >> spare).to_bytes(len(fives) * 5 // 8)


def keccak256(message: bytes) -> bytes:
    """Keccak with its first padding (0x01), as Ethereum uses it; the SHA-3 of `hashlib` pads otherwise."""
    padded = message + b"\x01" + b"\0" * (-(len(message) + 1) % RATE)
    padded = padded[:-1] + bytes([padded[-1] | 0x80])
    lanes = [0] * 25
    for start in range(0, len(padded), RATE):
        for index in range(RATE // 8):
            lanes[index] ^= int.from_bytes(padded[start + 8 * index : start + 8 * index + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permuted(lanes: list[int]) -> list[int]:
    """Keccak-f[1600]; lane x, y is at x + 5y. The rounds' constants come from their own shift register."""
    register = 1
    for _ in range(24):
        column = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mixed = [column[(x - 1) % 5] ^ _turned(column[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ mixed[index % 5] for index, lane in enumerate(lanes)]
        x, y, moving = 1, 0, lanes[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lanes[x + 5 * y], moving = _turned(moving, (step + 1) * (step + 2) // 2 % 64), lanes[x + 5 * y]
        for row in range(0, 25, 5):
            five = lanes[row : row + 5]
            lanes[row : row + 5] = [five[x] ^ (~five[(x + 1) % 5] & LANE & five[(x + 2) % 5]) for x in range(5)]
        for power in range(7):
            register = (register << 1) ^ ((register >> 7) * 0x171)
            if register & 2:
                lanes[0] ^= 1 << ((1 << power) - 1)
    return lanes


def _turned(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & LANE
