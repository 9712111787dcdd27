"""Loading history: `importevents` reads a file, maps its rows to events, and produces them as the API does."""
