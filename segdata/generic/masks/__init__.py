"""Read what masks store: ids, colours, palettes, black and white."""
