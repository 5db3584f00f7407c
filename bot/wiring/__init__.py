"""Which parts make a bot? The only package that names an adapter: live, dry-run, paper and replay side by side.

record.py    the audit database, and who leads it
venue.py     the exchange, its prices and the targets of the configuration
start.py     a bot in real time, and one that only looks
past.py      the same engine in virtual time: replay and demo
"""
