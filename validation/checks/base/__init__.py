"""The contract of a check, the evidence it looks at, and the mistakes it knows."""
