"""An address is taken only if its checksum holds; vectors are those of BIP-173, BIP-350 and EIP-55."""

import pytest

from bot.addresses import BadAddress, bitcoin, ethereum, keccak256

GOOD = [
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
    "1111111111111111111114oLvT2",  # twenty zero bytes: the longest run of leading ones
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "BC1SW50QGDZ25J",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
]
BAD = [
    ("", "not a Bitcoin address"),
    ("bc1", "not a Bitcoin address"),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "mistyped"),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a", "not a Bitcoin address"),
    ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "mistyped"),
    ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "mistyped"),  # bech32 where bech32m belongs
    ("BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", "mistyped"),
    ("bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7", "capital and small"),
    ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "though its checksum matches"),  # version 0 with a program of another length
    ("bc1pw5dgrnzv", "though its checksum matches"),  # a program of one byte
    ("bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", "mistyped"),  # BIP-173's form of what BIP-350 writes otherwise
    ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "test network"),
    ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "test network"),
    ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "not a Bitcoin address"),
]
ONE_CASE = [  # whose checksum happens to be in one case
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
]
MIXED = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", GOOD)
def test_a_bitcoin_address_whose_checksum_holds_is_taken(address: str) -> None:
    assert bitcoin(address).lower() == address.lower()


@pytest.mark.parametrize(("address", "why"), BAD)
def test_a_bitcoin_address_whose_checksum_fails_is_refused(address: str, why: str) -> None:
    with pytest.raises(BadAddress, match=why):
        bitcoin(address)


@pytest.mark.parametrize("address", [*MIXED, *ONE_CASE])
def test_an_ethereum_address_with_its_checksum_is_taken(address: str) -> None:
    assert ethereum(address) == address


@pytest.mark.parametrize("address", MIXED)
def test_one_wrong_letter_in_an_ethereum_address_is_found(address: str) -> None:
    at = next(index for index, char in enumerate(address) if index > 1 and char.isalpha())
    with pytest.raises(BadAddress, match="mistyped"):
        ethereum(address[:at] + address[at].swapcase() + address[at + 1 :])


@pytest.mark.parametrize("address", [MIXED[0].lower(), "0x" + MIXED[0][2:].upper()])
def test_an_address_in_one_case_proves_nothing(address: str) -> None:
    with pytest.raises(BadAddress, match="without its checksum"):
        ethereum(address)


@pytest.mark.parametrize("address", ["", "0x", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"])
def test_what_is_no_ethereum_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress, match="not an Ethereum address"):
        ethereum(address)


def test_the_hash_is_keccak_and_not_sha3() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    assert keccak256(b"a" * 135).hex() == "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446"  # one byte of padding
    assert keccak256(b"a" * 136).hex() == "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e"  # two blocks
