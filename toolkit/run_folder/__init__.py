"""What a run leaves on disk: its folder, manifest, earlier runs and the space they take."""
