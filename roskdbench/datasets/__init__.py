"""The datasets that come with roskdbench, one file each: what can be set, the terms, and how the files are read."""
