-- The signed checkpoint up to which events were removed because of their age; empty
-- if none were.
ALTER TABLE audit_head ADD COLUMN base TEXT NOT NULL DEFAULT '';
