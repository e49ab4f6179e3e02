"""Whether something of one's own keeps its contract: claims that are tried out, each with what speaks against it."""

from roskdbench.checking.methods import check_method
from roskdbench.checking.named import check_named, named_in

__all__ = ["check_method", "check_named", "named_in"]
