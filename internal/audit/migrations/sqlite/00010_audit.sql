-- The caller's own id for a request. Other events have the default.
ALTER TABLE audit_events ADD COLUMN reference TEXT NOT NULL DEFAULT '';
