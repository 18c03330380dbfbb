-- Everything about a person is sealed or a keyed hash. Times are Unix
-- microseconds, percentages hundredths of a percent.

-- +goose Up

-- keys tells by its check value which master key the rest was made with.
CREATE TABLE keys (
    id          INTEGER PRIMARY KEY, -- the key id in front of what is sealed
    check_value BLOB    NOT NULL,
    added_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE people (
    id          INTEGER PRIMARY KEY,
    nik         BLOB    NOT NULL UNIQUE, -- keyed hash: "nik index"
    attributes  BLOB    NOT NULL,        -- sealed
    enrolled_at INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

-- templates is a table of its own, under another keyed hash, so that a copy
-- of one of the two tables says nothing about the other.
CREATE TABLE templates (
    id       INTEGER PRIMARY KEY,
    link     BLOB    NOT NULL UNIQUE, -- keyed hash: "template link"
    model    TEXT    NOT NULL,
    template BLOB    NOT NULL         -- sealed
) STRICT;

CREATE TABLE clients (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    scopes     TEXT    NOT NULL, -- separated by spaces
    threshold  INTEGER NOT NULL,
    name_mark  INTEGER NOT NULL,
    rate       REAL    NOT NULL,
    burst      INTEGER NOT NULL,
    added_at   INTEGER NOT NULL,
    username   BLOB    NOT NULL UNIQUE, -- keyed hashes: "credentials"
    password   BLOB    NOT NULL,
    api_key    BLOB    NOT NULL
) STRICT;

CREATE TABLE audit_events (
    seq           INTEGER PRIMARY KEY,
    at            INTEGER NOT NULL,
    request_id    TEXT    NOT NULL,
    client        TEXT    NOT NULL,
    nik           BLOB    NOT NULL, -- keyed hash: "audit nik"
    result        TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    nik_outcome   INTEGER NOT NULL,
    name_outcome  INTEGER NOT NULL,
    birth_outcome INTEGER NOT NULL,
    name_score    INTEGER NOT NULL,
    compared      INTEGER NOT NULL,
    percentage    INTEGER NOT NULL,
    threshold     INTEGER NOT NULL,
    score         REAL    NOT NULL,
    model         TEXT    NOT NULL,
    calibration   TEXT    NOT NULL,
    duration      INTEGER NOT NULL,
    hash          BLOB    NOT NULL -- keyed hash: "audit chain"
) STRICT;

-- audit_head is the last event's number and hash. Taking its one row for
-- writing is what makes writers follow each other.
CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash BLOB    NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, zeroblob(32));

-- +goose Down

-- There is no way down: it would be the loss of the registry.
SELECT 1;
