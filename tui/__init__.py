"""telltop's terminal front end: draws what the engine says, knows nothing of the node itself."""
