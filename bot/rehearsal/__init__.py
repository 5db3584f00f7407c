"""What would the bot do on a bad day? The real engine, record and lease in virtual time, under faults drawn from a seed.

loop.py          an event loop whose time jumps, and the clocks of bot and venue
faults.py        what can go wrong, by name, and the dice that say when
venue.py         the venue that judges: exact integers, in memory, with code of its own; its contracts, and what stands on one margin
nouns.py         what it knows, in the words of the ports
wire.py          the road to it, where requests get lost and answers lie
database.py      the real record over a database that fails
evidence.py      what truly happened: at the venue, in the record, at the last signature
at_signature.py  what must hold before the first byte of an order leaves
on_record.py     what must hold at the venue and in the record, whenever either changes
invariants.py    what must hold after each turn and at an end, and all of it by its moment
happenings.py    people, outages and clocks: what happens by itself
process.py       one run of the bot, from its start to its end or death
drawn.py         the configuration and the venue of a seed
world.py         one seed from its first to its last moment
grid.py          one life, death at each of its moments, each answer to its order
sweep.py         many seeds on all cores, and the smallest set of faults that still shows a failure
"""
