"""No tables. Django announces a migration's end only to apps with this module, and the groups wait for that."""
