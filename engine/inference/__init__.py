"""Who writes the words: a model in this process, or the rules narrator, behind one protocol."""
