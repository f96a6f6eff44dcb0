"""e3nn.io."""
