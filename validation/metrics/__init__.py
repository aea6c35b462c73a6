"""One file a metric; each defines METRIC (see `validation.metric`)."""
