-- A row is pending until it is delivered and its NIK is erased: one of the two
-- columns alone does not keep it from being sent.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (due_at, seq) WHERE delivered_at IS NULL OR sealed IS NOT NULL;
