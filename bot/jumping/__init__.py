"""How does a replay go through years in seconds? From one moment at which something can happen to the next.

line.py     where does a straight line in the price change its sign?
quiet.py    between which prices does the last decision stay as it is?
columns.py  price histories as arrays: when do prices leave a range?
replay.py   the replay that jumps over what is quiet, and books the funding in between
series.py   what can be drawn of a run, as columns
"""
