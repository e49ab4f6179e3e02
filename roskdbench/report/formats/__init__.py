"""What a report is written as, one file a format."""
