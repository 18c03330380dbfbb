-- What the caller stated of the ground for a request. Other events have the defaults.
ALTER TABLE audit_events ADD COLUMN consent_id TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN consent_at BIGINT NOT NULL DEFAULT 0; -- 0: it was not stated
ALTER TABLE audit_events ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
