"""What an act would do and what it is about, found without writing: read before a person decides."""
