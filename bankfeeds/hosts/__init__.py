"""The bank's hosts, as all workers together know them: whether they may be called, and how often."""
