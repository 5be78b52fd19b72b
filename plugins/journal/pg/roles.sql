-- SPDX-License-Identifier: ISC
-- The least rights of the members of a fleet. 'esp-tokenctl fleet init' makes the tables. Then run this file once, as
-- the role that owns them and the database, and give each member a role of its own:
--   CREATE ROLE "hq-1" LOGIN PASSWORD '...' IN ROLE esp_token_site;
--   CREATE ROLE "hq-2" LOGIN PASSWORD '...' IN ROLE esp_token_publisher;   -- the site that runs 'fleet publish'
--   CREATE ROLE "edge-1" LOGIN PASSWORD '...' IN ROLE esp_token_edge;
-- The role of an edge has the name of the edge, because it may write the report of that name alone.
--
-- The database must be the journal's own: afterwards only its owner and these roles may connect. PostgreSQL gives locks
-- to a role before it looks at its rights, so a stranger who may connect could hold everybody up.
DO $$
BEGIN
    IF to_regrole('esp_token_site') IS NULL THEN
        CREATE ROLE esp_token_site NOLOGIN;
    END IF;
    IF to_regrole('esp_token_publisher') IS NULL THEN
        CREATE ROLE esp_token_publisher NOLOGIN IN ROLE esp_token_site;
    END IF;
    IF to_regrole('esp_token_edge') IS NULL THEN
        CREATE ROLE esp_token_edge NOLOGIN;
    END IF;
END $$;
REVOKE ALL ON esp_token_entry, esp_token_piece, esp_token_head, esp_token_report, esp_token_turn FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO esp_token_site, esp_token_edge', current_database());
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
END $$;

-- Sites read and add, and neither change nor remove.
GRANT SELECT, INSERT ON esp_token_entry, esp_token_piece TO esp_token_site;
GRANT SELECT ON esp_token_head TO esp_token_site;

-- The turn is a lock of this table, which has no rows. Only a role that may UPDATE it gets the lock.
GRANT UPDATE ON esp_token_turn TO esp_token_site;

-- The right to UPDATE columns, unlike that to UPDATE the table, does not allow LOCK TABLE.
GRANT SELECT, INSERT (name, bytes), UPDATE (bytes) ON esp_token_report TO esp_token_site, esp_token_edge;

-- The publisher also removes what edges do not need any more, and replaces the head.
GRANT DELETE ON esp_token_entry, esp_token_piece TO esp_token_publisher;
GRANT INSERT, UPDATE ON esp_token_head TO esp_token_publisher;

-- Edges read what validators need, and write their own report (by the policy below).
GRANT SELECT (number, head, edge) ON esp_token_entry TO esp_token_edge;
GRANT SELECT ON esp_token_piece, esp_token_head TO esp_token_edge;

ALTER TABLE esp_token_piece ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS site ON esp_token_piece;
DROP POLICY IF EXISTS edge ON esp_token_piece;
CREATE POLICY site ON esp_token_piece TO esp_token_site USING (true) WITH CHECK (true);
CREATE POLICY edge ON esp_token_piece FOR SELECT TO esp_token_edge
    USING (name LIKE 'edge-%' OR name LIKE 'tiers-%');

ALTER TABLE esp_token_report ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS site ON esp_token_report;
DROP POLICY IF EXISTS edge ON esp_token_report;
CREATE POLICY site ON esp_token_report TO esp_token_site USING (true) WITH CHECK (true);
CREATE POLICY edge ON esp_token_report TO esp_token_edge
    USING (name = current_user) WITH CHECK (name = current_user);
