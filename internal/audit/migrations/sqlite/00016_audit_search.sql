-- Find events for those who search them, the last one first. Each index ends with the
-- number of the event: SQLite adds it by itself.
CREATE INDEX audit_by_time      ON audit_events (at, result);
CREATE INDEX audit_by_request   ON audit_events (request_id);
CREATE INDEX audit_by_reference ON audit_events (reference);
CREATE INDEX audit_by_nik       ON audit_events (nik);
CREATE INDEX audit_by_client    ON audit_events (client);
CREATE INDEX audit_by_reason    ON audit_events (reason || action); -- an event has one of them
CREATE INDEX audit_by_flag      ON audit_events (seq) WHERE flags <> '';
CREATE INDEX audit_changes      ON audit_events (seq) WHERE result = 'changed';
-- audit_by_reason finds the last recorded configuration as well.
DROP INDEX audit_configurations;
