-- One row for each key that a client gave a request, for a day.
CREATE TABLE idempotency_keys (
    key     BYTEA  PRIMARY KEY, -- keyed hash of the client and the key
    request BYTEA  NOT NULL,    -- keyed hash of what was asked
    at      BIGINT NOT NULL,    -- when the key was taken
    token   BYTEA,              -- of the call that may answer; NULL: answered
    lease   BIGINT NOT NULL,    -- until when that call holds the key
    sealed  BYTEA               -- the answer; NULL: there is none yet
);
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);
