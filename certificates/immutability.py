"""Triggers that keep a key's identity and its ciphertext as they were written, on both databases.

A key's owner, use, environment, public key and request never change; of an envelope only the wraps of its data
key do. A row may be inserted, and an envelope removed when its key is destroyed.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

FIXED = {
    "certificates_keypair": ("id", "scope", "use", "environment", "algorithm", "spki_sha256", "csr_pem"),
    "certificates_keyenvelope": ("key_id", "format", "nonce", "ciphertext"),
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place on this connection's database."""
    function = [_POSTGRESQL_FUNCTION] if connection.vendor == "postgresql" else []
    _run(connection, [*function, *(_trigger(connection, table) for table in FIXED)])


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: for reversing the migration."""
    suffix = {table: f" ON {table}" if connection.vendor == "postgresql" else "" for table in FIXED}
    _run(connection, [f"DROP TRIGGER IF EXISTS {table}_fixed{suffix[table]}" for table in FIXED])


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the tables whose trigger is absent, switched off, or does not name every fixed column.

    A table that does not exist yet is not missed.
    """
    query = _POSTGRESQL_TRIGGERS if connection.vendor == "postgresql" else _SQLITE_TRIGGERS
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        cursor.execute(query, [[f"{table}_fixed" for table in FIXED]] if "%s" in query else None)
        found = {(table, name): str(text) for table, name, text in cursor.fetchall()}
    return [
        table
        for table, columns in FIXED.items()
        if table in tables and not _names_all(found.get((table, f"{table}_fixed"), ""), columns)
    ]


def _names_all(text: str, columns: tuple[str, ...]) -> bool:
    # PostgreSQL prints a trigger's condition its own way: with casts, and without quotes where it needs none.
    plain = text.lower().replace('"', "")
    return "before update" in plain and all(f"old.{column}" in plain for column in columns)


def _trigger(connection: BaseDatabaseWrapper, table: str) -> str:
    postgresql = connection.vendor == "postgresql"
    differ = "IS DISTINCT FROM" if postgresql else "IS NOT"
    changed = " OR ".join(f'OLD."{column}" {differ} NEW."{column}"' for column in FIXED[table])
    body = (
        f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION certificates_refuse()"
        if postgresql
        else f"WHEN {changed} BEGIN SELECT RAISE(ABORT, 'these columns never change'); END"
    )
    return f"CREATE TRIGGER {table}_fixed BEFORE UPDATE ON {table} {body}"


_SQLITE_TRIGGERS = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'"
_POSTGRESQL_TRIGGERS = """SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE pg_table_is_visible(c.oid) AND t.tgenabled IN ('O', 'A') AND t.tgname = ANY(%s)"""
_POSTGRESQL_FUNCTION = """CREATE OR REPLACE FUNCTION certificates_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'these columns never change'; END $$"""


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
