"""Statistics on arrays. The only package that knows numpy; whoever uses none of it loads none of it.

What comes out is quantised to Decimal, goes on record with the snapshot, and only then enters a decision: floats end here.
"""
