"""The models that are on this machine already, whoever put them there, by names that a person can type."""

from engine.inference.catalogue.caches import Roots
from engine.inference.catalogue.catalogue import Catalogue
from engine.inference.catalogue.entry import Entry

__all__ = ["Catalogue", "Entry", "Roots"]
