"""What do OKX's numbers say, and which of them answers which refusal of the core?"""

from typing import Final

TEXTS: Final = {
    "58350": "Insufficient balance", "58114": "Transfer amount must be more than 0", "58124": "Your transfer is being processed",
    "50001": "Service temporarily unavailable. Try again later.",
    "50004": "API endpoint request timeout (does not mean that the request failed)",
    "50011": "Rate limit reached. Please refer to API documentation.", "50101": "APIKey does not match current environment.",
    "50102": "Timestamp request expired", "50103": "Request header OK-ACCESS-KEY cannot be empty.",
    "50105": "OK-ACCESS-PASSPHRASE incorrect",
    "50111": "Invalid OK-ACCESS-KEY", "50113": "Invalid Sign", "50120": "This API key doesn't have permission to use this function",
    "51000": "Parameter error", "51001": "Instrument ID does not exist", "51006": "Order price is not within the price limit",
    "51008": "Order failed. Insufficient BTC margin in account", "51016": "Duplicated client order ID", "51020": "Order amount too low",
    "51022": "Contract suspended", "51121": "Order quantity must be a multiple of the lot size.", "51149": "Order timed out.",
    "51169": "Order failed because you don't have any positions in this direction for this contract to reduce or close.",
    "51400": "Cancellation failed as the order has been filled, canceled or does not exist.", "51603": "Order does not exist",
    "59000": "Your settings failed as you have positions or open orders.", "59102": "Leverage exceeds the maximum limit",
    "59108": "Low leverage and insufficient margin, please adjust the leverage.",
}  # fmt: skip
REFUSALS: Final = {
    "transfer_funds": "58350", "transfer_amount": "58114", "transfer_duplicate": "58124",
    "symbol": "51001", "frozen": "51022", "duplicate": "51016", "size": "51020", "precision": "51121", "reduce_only": "51169",
    "funds": "51008", "no_order": "51603", "done": "51400", "leverage": "59102",
    "leverage_margin": "59108", "mode": "51000",
}  # fmt: skip
HTTP: Final = {"50001": 503, "50011": 429, **dict.fromkeys(("50101", "50102", "50103", "50105", "50111", "50113", "50120"), 401)}
SOURCE: Final = {"post_only": "31", "ioc": "14", "user": "1", "dead_man": "20", "reduce_only": "37"}
