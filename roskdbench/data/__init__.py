"""Problems, how they are split, and the overlapping subsets teachers learn from. No torch here."""
