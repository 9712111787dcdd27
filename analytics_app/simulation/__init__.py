"""Made-up visitors: who they are (people), what they do (journeys), when (pacing), where to (sinks)."""
