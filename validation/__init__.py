"""From an artifact on disk to evidence: runners, accuracy, latency, verdicts."""
