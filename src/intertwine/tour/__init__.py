"""The tour: six stories about symmetry, told by networks that are trained while you wait."""
