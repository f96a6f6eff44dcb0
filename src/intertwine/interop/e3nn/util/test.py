"""e3nn.util.test."""
