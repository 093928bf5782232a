"""Rules: pure functions of nouns."""
