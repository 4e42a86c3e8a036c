"""Figures next to a named baseline, measured in the same run."""
