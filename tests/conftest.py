"""Settings of the whole suite."""

from hypothesis import settings

# Elapsed time is never asserted: a busy machine must not fail a test.
settings.register_profile(
    "segport", settings.get_profile("ci" if settings.get_current_profile_name() == "ci" else "default"), deadline=None
)
settings.load_profile("segport")
