"""Edits to what leaves: operators say what stands in for a value, edits put it into the bytes."""
