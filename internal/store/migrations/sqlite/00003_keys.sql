-- Everything about a person is sealed or a keyed hash. Times are Unix
-- microseconds, percentages hundredths of a percent. key_id says under which
-- master key a row is: its hash and what is sealed in it.

-- +goose Up

-- master_keys tells by their check values which master keys the rest was made
-- with. state: added, current (one), retiring, retired.
CREATE TABLE master_keys (
    id          INTEGER PRIMARY KEY, -- the first byte of what is sealed
    check_value BLOB    NOT NULL,
    state       TEXT    NOT NULL,
    added_at    INTEGER NOT NULL
) STRICT;

-- key_epoch counts the changes of the states.
CREATE TABLE key_epoch (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO key_epoch (id, epoch) VALUES (1, 0);

-- secrets are the keys of hashes that outlive a master key.
CREATE TABLE secrets (
    name   TEXT    PRIMARY KEY,
    key_id INTEGER NOT NULL,
    sealed BLOB    NOT NULL
) STRICT;

CREATE TABLE people (
    id          INTEGER PRIMARY KEY,
    nik         BLOB    NOT NULL UNIQUE, -- keyed hash: "nik index"
    key_id      INTEGER NOT NULL,
    attributes  BLOB    NOT NULL,        -- sealed
    enrolled_at INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

-- templates, person_keys and probes are tables of their own, each under another
-- keyed hash, so that a copy of one says nothing about the others.
CREATE TABLE templates (
    id       INTEGER PRIMARY KEY,
    link     BLOB    NOT NULL UNIQUE, -- keyed hash: "template link"
    key_id   INTEGER NOT NULL,
    model    TEXT    NOT NULL,
    template BLOB    NOT NULL         -- sealed
) STRICT;

-- person_keys has the NIK and the data key that seals the rest about a person:
-- without its row the others open in no copy any more.
-- Its rows are short: kept in the index itself, one is found by one page less.
CREATE TABLE person_keys (
    person BLOB    PRIMARY KEY, -- keyed hash: "person key link"
    key_id INTEGER NOT NULL,
    sealed BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each person who was asked about: all of the probes that are
-- remembered are sealed as one, so that an answer takes one read and one write.
CREATE TABLE probes (
    id      INTEGER PRIMARY KEY,
    person  BLOB    NOT NULL UNIQUE, -- keyed hash: "probe link"
    key_id  INTEGER NOT NULL,
    last_at INTEGER NOT NULL,        -- of the latest of them
    probes  BLOB    NOT NULL         -- sealed
) STRICT;
CREATE INDEX probes_last_at ON probes (last_at);

CREATE TABLE clients (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    scopes     TEXT    NOT NULL, -- separated by spaces
    threshold  INTEGER NOT NULL,
    name_mark  INTEGER NOT NULL,
    rate       REAL    NOT NULL,
    burst      INTEGER NOT NULL,
    added_at   INTEGER NOT NULL,
    replay     TEXT    NOT NULL,
    liveness   TEXT    NOT NULL,
    username   BLOB    NOT NULL UNIQUE, -- keyed hashes: "credentials"
    password   BLOB    NOT NULL,
    api_key    BLOB    NOT NULL
) STRICT;

CREATE TABLE audit_events (
    seq            INTEGER PRIMARY KEY,
    at             INTEGER NOT NULL,
    request_id     TEXT    NOT NULL,
    client         TEXT    NOT NULL,
    nik            BLOB    NOT NULL, -- keyed hash: "audit nik"
    result         TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    nik_outcome    INTEGER NOT NULL,
    name_outcome   INTEGER NOT NULL,
    birth_outcome  INTEGER NOT NULL,
    name_score     INTEGER NOT NULL,
    compared       INTEGER NOT NULL,
    percentage     INTEGER NOT NULL,
    threshold      INTEGER NOT NULL,
    score          REAL    NOT NULL,
    model          TEXT    NOT NULL,
    calibration    TEXT    NOT NULL,
    duration       INTEGER NOT NULL,
    flags          TEXT    NOT NULL, -- separated by spaces
    liveness_known INTEGER NOT NULL,
    liveness       REAL    NOT NULL,
    hash           BLOB    NOT NULL -- keyed hash: "audit chain"
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
