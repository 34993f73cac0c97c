"""Speech to mouth motion: gestures, hard rules and styles. Pure and deterministic."""
