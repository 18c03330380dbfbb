-- Find events for those who search them, the last one first.
CREATE INDEX audit_by_time      ON audit_events (at) INCLUDE (seq, result);
CREATE INDEX audit_by_request   ON audit_events (request_id, seq);
CREATE INDEX audit_by_reference ON audit_events (reference, seq);
CREATE INDEX audit_by_nik       ON audit_events (nik, seq);
CREATE INDEX audit_by_client    ON audit_events (client, seq);
CREATE INDEX audit_by_reason    ON audit_events ((reason || action), seq); -- an event has one of them
CREATE INDEX audit_by_flag      ON audit_events (seq) WHERE flags <> '';
CREATE INDEX audit_changes      ON audit_events (seq) WHERE result = 'changed';
-- audit_by_reason finds the last recorded configuration as well.
DROP INDEX audit_configurations;
