-- What explains a verification. Events of changes, and older ones, have the
-- defaults.
ALTER TABLE audit_events ADD COLUMN name_threshold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit_events ADD COLUMN replay_checked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit_events ADD COLUMN liveness_threshold REAL NOT NULL DEFAULT 0;
ALTER TABLE audit_events ADD COLUMN measures TEXT NOT NULL DEFAULT ''; -- separated by spaces
