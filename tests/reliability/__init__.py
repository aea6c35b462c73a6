"""What happens to a run when the machine does not cooperate."""
