-- The signed checkpoint up to which events were removed because of their age; empty
-- if none were.
ALTER TABLE audit_head ADD COLUMN base TEXT NOT NULL DEFAULT '';
-- Finds the last recorded configuration. It has no other events.
CREATE INDEX audit_configurations ON audit_events (seq) WHERE action = 'config.set';
