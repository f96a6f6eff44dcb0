"""Linear maps with shared weights, and both of their gradients, in compiled kernels."""
