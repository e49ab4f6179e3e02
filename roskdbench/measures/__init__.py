"""The measures that come with roskdbench, one file each: what they read, compute and show."""
