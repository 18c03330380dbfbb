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
