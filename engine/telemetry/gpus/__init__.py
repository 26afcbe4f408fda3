"""GPUs, by vendor; their drivers hang and fail as no other part of a node does, and so are read apart."""
