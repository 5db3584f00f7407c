"""What happened, and can it be proven? The append-only record of one account and everything read from it.

tables.py      the tables              chain.py    what ties each row to the one before it
codec.py       event <-> record        database.py which file or server, and what its errors mean
store.py       write and read          lease.py    one writer per account
verify.py      is the record whole?    explain.py  why did the bot do that?
export.py      the record as a file    migrations/ the schema, version by version
"""
