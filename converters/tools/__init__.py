"""Using other tools that convert: importing them with a helpful sentence, keeping them quiet, quoting what they say."""
