"""Groups, subgroups, elements and components in words."""
