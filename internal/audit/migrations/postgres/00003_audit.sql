CREATE TABLE audit_events (
    seq            BIGINT  PRIMARY KEY,
    at             BIGINT  NOT NULL,
    request_id     TEXT    NOT NULL,
    client         TEXT    NOT NULL,
    nik            BYTEA   NOT NULL, -- keyed hash: "audit nik"
    result         TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    nik_outcome    BIGINT  NOT NULL,
    name_outcome   BIGINT  NOT NULL,
    birth_outcome  BIGINT  NOT NULL,
    name_score     BIGINT  NOT NULL,
    compared       BIGINT  NOT NULL,
    percentage     BIGINT  NOT NULL,
    threshold      BIGINT  NOT NULL,
    score          DOUBLE PRECISION NOT NULL,
    model          TEXT    NOT NULL,
    calibration    TEXT    NOT NULL,
    duration       BIGINT  NOT NULL,
    flags          TEXT    NOT NULL, -- separated by spaces
    liveness_known BIGINT  NOT NULL,
    liveness       DOUBLE PRECISION NOT NULL,
    hash           BYTEA   NOT NULL -- keyed hash: "audit chain"
);

-- audit_head has the number and the hash of the last event. Transactions lock
-- its one row, and so append to the trail one after the other.
CREATE TABLE audit_head (
    id   BIGINT  PRIMARY KEY CHECK (id = 1),
    seq  BIGINT  NOT NULL,
    hash BYTEA   NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
