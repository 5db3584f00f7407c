"""The record as a file: one line for each entry, streamed, whatever its size."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Literal

from bot.audit.codec import OPENING, closing
from bot.audit.rows import EntryRow
from bot.audit.sentences import moment_iso
from bot.audit.store import Store

Format = Literal["csv", "jsonl"]
COLUMNS = ("seq", "at", "kind", "hash", "event")


def export(store: Store, form: Format, *, after_seq: int = 0) -> Iterator[str]:
    """Lines, each with its end: columns seq, at (UTC), kind, hash, event (JSON). CSV begins with their names."""
    if form == "csv":
        yield ",".join(COLUMNS) + "\r\n"
    line = csv_line if form == "csv" else json_line
    for row in store.entries(after_seq=after_seq):
        yield line(row)


def event_json(row: EntryRow) -> str:
    """The event inside the record, untouched."""
    return row.record[len(OPENING) : -len(closing(row.kind))]


def json_line(row: EntryRow) -> str:
    fields = json.dumps({"seq": row.seq, "at": moment_iso(row.at_ms), "kind": row.kind, "hash": row.hash})
    return f'{fields[:-1]}, "event": {event_json(row)}}}\n'


def csv_line(row: EntryRow) -> str:
    line = io.StringIO()
    csv.writer(line).writerow((row.seq, moment_iso(row.at_ms), row.kind, row.hash, event_json(row)))
    return line.getvalue()
