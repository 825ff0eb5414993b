"""No tables. Django announces the end of a migration only to apps that have this module, and the groups wait for that."""
