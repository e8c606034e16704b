"""A database as the migrations left it, given back in milliseconds: CREATE DATABASE costs a quarter of a second.

A copy of the rows that migrations put in (statuses, delivery methods…) and of the sequences is kept in a schema of its
own; a reset empties what a test has filled and puts those rows back.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

#: {changed}: one query for all tables, planned once a connection. Of a table that was empty it looks for a row only.
PREPARE = """
CREATE TABLE kept.sequences AS SELECT sequencename AS name, last_value FROM pg_sequences WHERE schemaname = 'public';

CREATE FUNCTION kept.reset() RETURNS void LANGUAGE plpgsql AS $$
DECLARE changed text[]; t text; s record;
BEGIN
  SET LOCAL session_replication_role = replica;  -- no foreign keys and no triggers while rows come and go
  changed := ARRAY({changed});
  FOREACH t IN ARRAY changed LOOP
    EXECUTE format('DELETE FROM public.%I', t);
    EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE SELECT * FROM kept.%I', t, 'table_' || t);
  END LOOP;
  FOR s IN SELECT k.name, k.last_value FROM kept.sequences k
           JOIN pg_sequences p ON p.schemaname = 'public' AND p.sequencename = k.name
           WHERE p.last_value IS DISTINCT FROM k.last_value LOOP
    PERFORM setval(format('public.%I', s.name)::regclass, coalesce(s.last_value, 1), s.last_value IS NOT NULL);
  END LOOP;
END $$;
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
FILLED = "SELECT {name}::text WHERE EXISTS (SELECT FROM public.{table})"
DIFFERS = """
SELECT {name}::text WHERE EXISTS (SELECT one::text FROM public.{table} one EXCEPT SELECT one::text FROM kept.{kept} one)
OR EXISTS (SELECT one::text FROM kept.{kept} one EXCEPT SELECT one::text FROM public.{table} one)
"""
#: A session that waits for its next statement holds nothing: pools of earlier tests may keep theirs.
OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'
"""


class Kept:
    """The database at this address as it is now, right after the migrations."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True)  # one for all resets: it knows their plan
        with self.connection.transaction():
            self.connection.execute("CREATE SCHEMA kept")
            looks = [self._keep(name) for (name,) in self.connection.execute(TABLES).fetchall()]
            self.connection.execute(sql.SQL(PREPARE).format(changed=sql.SQL(" UNION ALL ").join(looks)))

    def _keep(self, name: str) -> sql.Composed:
        """Copies the table; returns the query that has its name for a row when the table is not as it was."""
        words = {"name": sql.Literal(name), "table": sql.Identifier(name), "kept": sql.Identifier(f"table_{name}")}
        copy = sql.SQL("CREATE TABLE kept.{kept} AS TABLE public.{table}").format(**words)
        return sql.SQL(DIFFERS if self.connection.execute(copy).rowcount else FILLED).format(**words)

    def reset(self) -> None:
        """Before each test. Ends sessions that an earlier test left in a transaction, with whatever they had locked."""
        self.connection.execute(OTHERS)
        self.connection.execute("SELECT kept.reset()")

    def close(self) -> None:
        self.connection.close()
