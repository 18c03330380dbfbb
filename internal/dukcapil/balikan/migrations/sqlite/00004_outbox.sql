-- One row for each event of a verified person. The NIK is sealed under a secret,
-- and is there until it is delivered.
CREATE TABLE returns (
    seq          INTEGER PRIMARY KEY, -- of the event in audit_events
    at           INTEGER NOT NULL,
    day          INTEGER NOT NULL,
    customer     TEXT    NOT NULL,    -- the request's id
    sealed       BLOB,                -- NULL: delivered
    due_at       INTEGER NOT NULL,    -- not to be tried before
    tries        INTEGER NOT NULL,
    claim        BLOB,                -- of who tries
    delivered_at INTEGER
) STRICT;
CREATE INDEX returns_due ON returns (due_at, seq) WHERE delivered_at IS NULL;
CREATE INDEX returns_day ON returns (day);
