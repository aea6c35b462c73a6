"""From plan to artifact: what will be converted, by which route, and the doing of it."""
