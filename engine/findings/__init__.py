"""What is wrong with the node, found without any model."""
