"""Widgets over the engine and the actions; no rules of their own."""
