"""How does a replay go through years in seconds? From one moment at which something can happen to the next.

line.py     where does a comparison change its answer?
quiet.py    between which prices does the last decision stay as it is?
verdicts.py when may a policy change its verdict although no price has moved?
ahead.py    with the funding that is still to come: until which bar?
columns.py  price histories as arrays: when do prices leave a range?
grid.py     the bars of several assets, and when they end
replay.py   the replay that jumps over what is quiet, and books the funding in between
steps.py    amounts that stay as they are from one moment to the next
worth.py    what bag and account were worth when each bar ended
series.py   what can be drawn of a run, as columns
"""
