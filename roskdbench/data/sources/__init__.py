"""The formats that datasets come in, one file each: from a folder to a catalogue."""
