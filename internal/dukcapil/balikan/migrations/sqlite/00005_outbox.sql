ALTER TABLE returns RENAME TO outbox;
ALTER TABLE outbox RENAME COLUMN claim TO lease;
DROP INDEX returns_due;
DROP INDEX returns_day;
CREATE INDEX outbox_due ON outbox (due_at, seq) WHERE delivered_at IS NULL;
CREATE INDEX outbox_day ON outbox (day);
