-- What an operator changed. Events of verifications have the defaults.
ALTER TABLE audit_events ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN item_count INTEGER NOT NULL DEFAULT 0;
-- Keyed hashes; empty if there is none.
ALTER TABLE audit_events ADD COLUMN digest_before BLOB NOT NULL DEFAULT x'';
ALTER TABLE audit_events ADD COLUMN digest_after BLOB NOT NULL DEFAULT x'';
ALTER TABLE audit_events ADD COLUMN state BLOB NOT NULL DEFAULT x'';
-- The states of people and clients that the events have led to, and the MAC of
-- the row. The MAC is empty until the database is opened.
ALTER TABLE audit_head ADD COLUMN people BLOB NOT NULL DEFAULT x'';
ALTER TABLE audit_head ADD COLUMN clients BLOB NOT NULL DEFAULT x'';
ALTER TABLE audit_head ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
