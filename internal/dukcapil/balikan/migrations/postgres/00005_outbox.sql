ALTER TABLE returns RENAME TO outbox;
ALTER TABLE outbox RENAME COLUMN claim TO lease;
ALTER INDEX returns_pkey RENAME TO outbox_pkey;
ALTER INDEX returns_due RENAME TO outbox_due;
ALTER INDEX returns_day RENAME TO outbox_day;
