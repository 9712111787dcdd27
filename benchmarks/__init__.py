"""What it takes to accept and to store events, each beside a named peer in the same run: `make bench`."""
