"""What a model commutes with: measured, proved, and where it fails."""
