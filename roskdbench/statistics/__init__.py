"""What can be said of numbers from finite test sets and few trainings: intervals, comparisons, ranks."""
