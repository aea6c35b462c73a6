"""The report itself: its typed shape, its entries, its verdicts and its caveats."""
