-- Batches of verifications. number is that of the jobs.
CREATE TABLE batches (
    number      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    client      TEXT    NOT NULL,
    endpoint    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    started_at  BIGINT,
    finished_at BIGINT,
    total       BIGINT  NOT NULL,
    mac         BYTEA   NOT NULL     -- of all the others
);
CREATE INDEX batches_client ON batches (client, number);
-- The rows of batches. What was sent is sealed, and is there until it is answered.
CREATE TABLE batch_rows (
    line     BIGINT  NOT NULL,
    batch    BIGINT  NOT NULL,
    outcome  BIGINT  NOT NULL,       -- 0: not answered yet
    tries    BIGINT  NOT NULL,       -- that gave no answer
    tried_at BIGINT,                -- the first of them
    sealed   BYTEA,
    answer   BYTEA,                 -- sealed, too
    PRIMARY KEY (batch, line)
);
CREATE INDEX batch_rows_outcome ON batch_rows (batch, outcome, line);
