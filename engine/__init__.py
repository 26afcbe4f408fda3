"""telltop's engine: samples one node, finds what is wrong and has a model say so. Knows no screen."""

__version__ = "0.1.0"
