-- What the score of a verification was computed from. Events of changes and of
-- other matchers, and older ones, have the defaults.
ALTER TABLE audit_events ADD COLUMN cosine REAL NOT NULL DEFAULT 0;
ALTER TABLE audit_events ADD COLUMN reference_length REAL NOT NULL DEFAULT 0;
ALTER TABLE audit_events ADD COLUMN probe_length REAL NOT NULL DEFAULT 0;
