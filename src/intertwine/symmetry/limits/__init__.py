"""What an input's symmetry leaves possible, and what would make more possible."""
