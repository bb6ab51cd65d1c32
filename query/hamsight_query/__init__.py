"""The read side: a request becomes hashes, one SQL statement and ranked matches."""
