"""Measurements, always as ratios within one run: the machine's speed cancels out."""
