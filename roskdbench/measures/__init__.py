"""Measures: models or predictions in, numbers out."""
