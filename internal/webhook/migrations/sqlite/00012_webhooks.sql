-- webhooks has one row for each client with a webhook: its URL, its events and its
-- secrets, sealed under a secret and bound to the client.
CREATE TABLE webhooks (
    client TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

-- webhook_deliveries is the outbox, and the log of what was in it. Ids are in the
-- order of their times. A message is pending until both its state and ended_at say
-- otherwise: one of the two columns alone does not keep it from being sent.
CREATE TABLE webhook_deliveries (
    id         TEXT    PRIMARY KEY,
    client     TEXT    NOT NULL,
    event      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    state      TEXT    NOT NULL, -- pending, delivered or given_up
    due_at     INTEGER NOT NULL, -- not to be tried before
    give_up_at INTEGER NOT NULL, -- 0: it was not tried yet
    tries      INTEGER NOT NULL,
    ended_at   INTEGER,          -- NULL: it is pending
    lease      BLOB,             -- of who tries
    sealed     BLOB,             -- the body; NULL: delivered
    attempts   TEXT    NOT NULL  -- how the tries ended, as JSON
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (client, due_at)
    WHERE state = 'pending' OR ended_at IS NULL;
CREATE INDEX webhook_deliveries_client ON webhook_deliveries (client, id);
