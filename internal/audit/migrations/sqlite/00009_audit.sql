-- What a data verification was asked and found. Other events have the defaults.
ALTER TABLE audit_events ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN attributes TEXT NOT NULL DEFAULT ''; -- such as name=match, separated by spaces
