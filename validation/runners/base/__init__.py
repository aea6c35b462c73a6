"""The contract of a runtime, and what all runtimes share."""
