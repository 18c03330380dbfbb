-- Calls to an upstream that cost money, what is to be returned for people who
-- were verified, and the probes of people who are on record elsewhere. Times are
-- Unix microseconds, days are those of Jakarta since 1970-01-01.

-- +goose Up

-- Nothing in it is about a person.
CREATE TABLE upstream_calls (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    client     TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    service    TEXT    NOT NULL,
    price      INTEGER NOT NULL, -- rupiah, if billed
    class      TEXT,             -- NULL: there is no ending
    billable   INTEGER NOT NULL,
    duration   INTEGER NOT NULL  -- microseconds
) STRICT;
-- With all that the sum of today asks for.
CREATE INDEX upstream_calls_day ON upstream_calls (day, service, at);

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

-- As probes, for NIKs that are not in people.
CREATE TABLE strangers (
    id      INTEGER PRIMARY KEY,
    person  BLOB    NOT NULL UNIQUE, -- keyed hash: the secret "stranger link"
    last_at INTEGER NOT NULL,
    probes  BLOB    NOT NULL         -- sealed under the secret "strangers"
) STRICT;
CREATE INDEX strangers_last_at ON strangers (last_at);

-- +goose Down

-- There is no way down: it would be the loss of what was paid for.
SELECT 1;
