"""Extend segport through its entry points; see pyproject.toml for what is offered under which name."""
