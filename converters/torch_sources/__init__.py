"""Networks of torch as sources: what is put around them, and where an exporter's complaint points."""
