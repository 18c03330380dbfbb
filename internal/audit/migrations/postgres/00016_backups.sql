-- Finds the last recorded backup. It has no other events.
CREATE INDEX audit_backups ON audit_events (seq) WHERE action = 'backup.create';
