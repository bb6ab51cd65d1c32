"""Binary hashes of features, and how much of exact cosine's ranking they keep."""
