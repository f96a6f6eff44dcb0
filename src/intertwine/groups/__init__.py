"""Compact groups and their subgroups as matrices; numpy only."""

from intertwine.groups.group import Group
from intertwine.groups.subgroup import Subgroup

__all__ = ["Group", "Subgroup"]
