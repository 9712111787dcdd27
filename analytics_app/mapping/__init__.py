"""What clients of other products send, in the names of the event contract. Pure; docs/mapping.md has the tables."""
