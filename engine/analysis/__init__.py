"""What to say about the node, and whether the telemetry bears it out."""
