"""The figures of a report, one file each. What one shows stands beside its declaration."""
