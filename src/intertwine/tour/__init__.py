"""The tour: seven stories about symmetry, told by networks that are trained while you wait."""
