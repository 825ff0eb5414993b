"""Triggers that keep a key's identity and its ciphertext as they were written, on both databases.

A key's owner, use, environment, public key and request never change; of an envelope only the wrap of its data
key does. A row may be inserted, and an envelope removed when its key is destroyed.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

FIXED = {
    "certificates_keypair": ("id", "scope", "use", "environment", "algorithm", "spki_sha256", "csr_pem"),
    "certificates_keyenvelope": ("key_id", "format", "nonce", "ciphertext"),
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place on this connection's database."""
    postgresql = connection.vendor == "postgresql"
    statements = [_POSTGRESQL_FUNCTION] if postgresql else []
    for table, columns in FIXED.items():
        differ = "IS DISTINCT FROM" if postgresql else "IS NOT"
        changed = " OR ".join(f'OLD."{column}" {differ} NEW."{column}"' for column in columns)
        body = (
            f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION certificates_refuse()"
            if postgresql
            else f"WHEN {changed} BEGIN SELECT RAISE(ABORT, 'these columns never change'); END"
        )
        statements.append(f"CREATE TRIGGER {table}_fixed BEFORE UPDATE ON {table} {body}")
    _run(connection, statements)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: for reversing the migration."""
    suffix = {table: f" ON {table}" if connection.vendor == "postgresql" else "" for table in FIXED}
    _run(connection, [f"DROP TRIGGER IF EXISTS {table}_fixed{suffix[table]}" for table in FIXED])


_POSTGRESQL_FUNCTION = """CREATE OR REPLACE FUNCTION certificates_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'these columns never change'; END $$"""


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
