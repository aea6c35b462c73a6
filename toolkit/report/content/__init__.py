"""What every way of showing a report has in common: rows, charts, wording, pictures."""
