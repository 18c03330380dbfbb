-- One row for each key that a client gave a request, for a day.
CREATE TABLE idempotency_keys (
    key     BLOB    PRIMARY KEY, -- keyed hash of the client and the key
    request BLOB    NOT NULL,    -- keyed hash of what was asked
    at      INTEGER NOT NULL,    -- when the key was taken
    token   BLOB,                -- of the call that may answer; NULL: answered
    lease   INTEGER NOT NULL,    -- until when that call holds the key
    sealed  BLOB                 -- the answer; NULL: there is none yet
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);
