"""The web backend measured (`docs/measured/web.md`), and the picture of the demo in it."""
