"""The life of the store after a segment is closed: merged, compressed, removed, and rid of people who ask for it."""
