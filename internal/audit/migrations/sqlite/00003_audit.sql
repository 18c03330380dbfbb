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

-- audit_head has the number and the hash of the last event. Transactions lock
-- its one row, and so append to the trail one after the other.
CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash BLOB    NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, zeroblob(32));
