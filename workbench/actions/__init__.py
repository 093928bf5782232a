"""Verbs, one a file: whatever writes. Pages, programs, jobs and notebooks call these and nothing below them to change anything."""
