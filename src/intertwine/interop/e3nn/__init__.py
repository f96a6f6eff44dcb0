"""e3nn's names on this library's core."""
