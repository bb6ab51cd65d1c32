"""Items of the catalog as datasets of other formats: `hamsight export`."""
