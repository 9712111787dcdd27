"""What is done for every event, in C where a C compiler is there: intake.c on the way in, feeder.c on the way out, and
attempts.c and ties.c for the rows that a funnel looks at.

It decides nothing by itself: what it is not sure of, it leaves to the rules in Python, which also take everything where
there is no compiler. So it changes how fast events are taken and rows are made, and never which.
"""
