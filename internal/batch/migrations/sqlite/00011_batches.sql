-- Batches of verifications. number is that of the jobs.
CREATE TABLE batches (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    client      TEXT    NOT NULL,
    endpoint    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER,
    total       INTEGER NOT NULL,
    mac         BLOB    NOT NULL     -- of all the others
) STRICT;
CREATE INDEX batches_client ON batches (client, number);
-- The rows of batches. What was sent is sealed, and is there until it is answered.
CREATE TABLE batch_rows (
    line     INTEGER NOT NULL,
    batch    INTEGER NOT NULL,
    outcome  INTEGER NOT NULL,       -- 0: not answered yet
    tries    INTEGER NOT NULL,       -- that gave no answer
    tried_at INTEGER,                -- the first of them
    sealed   BLOB,
    answer   BLOB,                   -- sealed, too
    PRIMARY KEY (batch, line)
) STRICT;
CREATE INDEX batch_rows_outcome ON batch_rows (batch, outcome, line);
