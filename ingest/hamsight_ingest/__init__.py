"""The write side: dataset readers, decoding, encoding, hashing, insertion."""
