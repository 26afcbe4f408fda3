"""Whole screens: a file of behaviour and a file of style each."""
