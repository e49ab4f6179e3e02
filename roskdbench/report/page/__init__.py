"""A report as a folder of web pages that open from disk: no network, no build step, no clock in them."""
