"""The half of `mini` that knows photos."""
