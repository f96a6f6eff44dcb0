"""Layers on images and volumes: channels on axis 1, then space."""
