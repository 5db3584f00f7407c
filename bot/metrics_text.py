"""How is a scrape written? In Prometheus' text format, to the byte as its client writes it, with what never changes kept.

The client looks at every name and escapes every label anew for each line of each scrape, which held the loop for longer than an order may
wait; of a series only the number changes.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

KEPT: Final = 2**15  # series: those of a hundred accounts and more


def written(families: Iterable[Metric]) -> bytes:
    """Names and labels must be those that Prometheus always took: letters, digits, underscores."""
    lines = []
    for family in families:
        lines.append(heading(family.name, family.type, family.documentation))
        lines += [
            f"{series(sample.name, tuple(sample.labels.items()))} {floatToGoString(sample.value)}\n"  # type: ignore[no-untyped-call]
            for sample in family.samples
        ]
    return "".join(lines).encode()


@lru_cache(KEPT)
def heading(name: str, kind: str, tells: str) -> str:
    full = f"{name}_total" if kind == "counter" else name
    told = tells.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {full} {told}\n# TYPE {full} {kind}\n"


@lru_cache(KEPT)
def series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    told = ",".join(f'{label}="{escaped(value)}"' for label, value in sorted(labels))
    return f"{name}{{{told}}}" if told else name


def escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
