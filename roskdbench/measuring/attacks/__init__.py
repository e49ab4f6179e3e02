"""Attacks: images changed within a radius so that a model errs, and whether the attack itself can be believed."""
