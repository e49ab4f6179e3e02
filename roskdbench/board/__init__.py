"""Leaderboards: runs that others can check. Results, the predictions they come from, and where all of it was made."""
