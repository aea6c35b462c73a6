"""What a training tells while it goes on and when it ends: progress, curves, a report."""
