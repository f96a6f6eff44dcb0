"""Gather, contract, scatter: channel-wise products over the edges of graphs, and row by row."""
