"""Do the work of commands that are more than one call of the pipeline, a room each."""
