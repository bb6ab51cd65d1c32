"""Pictures: where their bytes are, and how they become arrays."""
