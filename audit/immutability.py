"""Triggers that refuse to change or remove audit entries, whoever asks, on both databases."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "audit_auditentry"

_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'audit entries are append-only'; END $$""",
    f"CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION audit_entry_refuse()",
    f"CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON {TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse()",
)
_POSTGRESQL_REMOVE = (
    f"DROP TRIGGER IF EXISTS audit_entry_no_change ON {TABLE}",
    f"DROP TRIGGER IF EXISTS audit_entry_no_truncate ON {TABLE}",
)
_SQLITE = (
    f"CREATE TRIGGER audit_entry_no_change BEFORE UPDATE ON {TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END",
    f"CREATE TRIGGER audit_entry_no_removal BEFORE DELETE ON {TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END",
    # INSERT OR REPLACE removes the row before without asking the trigger above.
    "CREATE TRIGGER audit_entry_no_replacement BEFORE INSERT ON audit_auditentry "
    "WHEN EXISTS (SELECT 1 FROM audit_auditentry WHERE number = NEW.number OR digest = NEW.digest) "
    "BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END",
)
_SQLITE_REMOVE = (
    "DROP TRIGGER IF EXISTS audit_entry_no_replacement",
    "DROP TRIGGER IF EXISTS audit_entry_no_change",
    "DROP TRIGGER IF EXISTS audit_entry_no_removal",
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place on this connection's database."""
    _run(connection, _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: for reversing the migration and for emptying a test database."""
    _run(connection, _POSTGRESQL_REMOVE if connection.vendor == "postgresql" else _SQLITE_REMOVE)


def _run(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
