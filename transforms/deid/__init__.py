"""De-identification: find PHI, replace it, keep the map, and raise rather than let anything pass."""
