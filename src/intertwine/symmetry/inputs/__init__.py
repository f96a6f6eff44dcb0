"""The symmetry of inputs: vectors, clouds, crystals and images."""
