"""The web backend measured (`docs/web.md`), and the picture of the demo in it."""
