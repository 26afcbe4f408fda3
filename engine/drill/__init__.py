"""The drill: real, bounded faults on this very node, and how well telltop deals with each of them."""
