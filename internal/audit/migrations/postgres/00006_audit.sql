-- What an operator changed. Events of verifications have the defaults.
ALTER TABLE audit_events ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN item_count BIGINT NOT NULL DEFAULT 0;
-- Keyed hashes; empty if there is none.
ALTER TABLE audit_events ADD COLUMN digest_before BYTEA NOT NULL DEFAULT ''::bytea;
ALTER TABLE audit_events ADD COLUMN digest_after BYTEA NOT NULL DEFAULT ''::bytea;
ALTER TABLE audit_events ADD COLUMN state BYTEA NOT NULL DEFAULT ''::bytea;
-- The states of people and clients that the events have led to, and the MAC of
-- the row. The MAC is empty until the database is opened.
ALTER TABLE audit_head ADD COLUMN people BYTEA NOT NULL DEFAULT ''::bytea;
ALTER TABLE audit_head ADD COLUMN clients BYTEA NOT NULL DEFAULT ''::bytea;
ALTER TABLE audit_head ADD COLUMN mac BYTEA NOT NULL DEFAULT ''::bytea;
