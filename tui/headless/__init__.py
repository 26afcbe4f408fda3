"""The commands that need no screen: they print, in words or as JSON, and end."""
