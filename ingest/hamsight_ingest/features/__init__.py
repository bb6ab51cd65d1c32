"""Features and hashes that were made elsewhere, brought into the table of a model."""
