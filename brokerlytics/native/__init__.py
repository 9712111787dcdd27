"""What the feeder does for every event, in C where a C compiler is there: feeder.c and what it includes.

It decides nothing by itself: what it is not sure of, it leaves to the rules in Python, which also take everything where
there is no compiler. So it changes how fast rows are made, and never which.
"""
