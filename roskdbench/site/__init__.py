"""A site over all boards: static pages that need no network, no clock and no code but their own."""

from roskdbench.site.writing import write_site as write_site
