-- One row for each event of a verified person. The NIK is sealed under a secret,
-- and is there until it is delivered.
CREATE TABLE returns (
    seq          BIGINT  PRIMARY KEY, -- of the event in audit_events
    at           BIGINT  NOT NULL,
    day          BIGINT  NOT NULL,
    customer     TEXT    NOT NULL,    -- the request's id
    sealed       BYTEA,                -- NULL: delivered
    due_at       BIGINT  NOT NULL,    -- not to be tried before
    tries        BIGINT  NOT NULL,
    claim        BYTEA,                -- of who tries
    delivered_at BIGINT
);
CREATE INDEX returns_due ON returns (due_at, seq) WHERE delivered_at IS NULL;
CREATE INDEX returns_day ON returns (day);
