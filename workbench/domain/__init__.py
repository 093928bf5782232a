"""Nouns: frozen, without input or output, from the standard library and msgspec only."""
