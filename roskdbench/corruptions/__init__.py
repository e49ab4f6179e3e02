"""The corruptions that come with roskdbench, one file each: what scanners, lenses and archives do to images."""
