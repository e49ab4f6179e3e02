"""The corruptions that come with roskdbench, one file each: what scanners, lenses, patients and archives do to images.

Each takes a whole batch on its device and draws from the sample's own numbers. MedMNIST-C's package is not used: it
changes one image at a time on the CPU, by random numbers that depend on the order, and counts in pixels of one size.
"""
