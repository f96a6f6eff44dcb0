"""Bridges to other libraries. Each is a leaf: nothing else imports it, and the other library need not be there."""
