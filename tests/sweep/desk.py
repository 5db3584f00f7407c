"""A folder with prices and a grid over them."""

from pathlib import Path
from random import Random

GRID = """\
prices: prices/btc.csv
bag: 2
collateral: 3
vary:
  hedges.BTC.ratio: [0.5, 1.0]
  band: [{low: 0.98, high: 1.02}, {low: 0.995, high: 1.005}]
"""


def grid(folder: Path, text: str = GRID, bars: int = 48, name: str = "grid.yaml") -> str:
    chance, price, rows = Random(5), 60_000.0, ["timestamp,open,high,low,close"]
    for hour in range(bars):
        close = price * (1 + 0.01 * chance.gauss(0, 1))
        at_s = 1_704_067_200 + 3600 * hour  # 2024-01-01
        rows.append(f"{at_s},{price:.2f},{max(price, close):.2f},{min(price, close):.2f},{close:.2f}")
        price = close
    (folder / "prices").mkdir(exist_ok=True)
    (folder / "prices" / "btc.csv").write_text("\n".join(rows) + "\n")
    (folder / name).write_text(text)
    return name
