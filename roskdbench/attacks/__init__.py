"""The attacks that come with roskdbench, one file each."""
