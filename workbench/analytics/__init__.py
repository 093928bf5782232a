"""Frames, figures and metrics over what happened; Polars throughout."""
