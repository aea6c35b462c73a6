"""One file a check; each defines CHECK (see `validation.check`)."""
