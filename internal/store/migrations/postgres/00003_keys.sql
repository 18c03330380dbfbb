-- Everything about a person is sealed or a keyed hash. Times are Unix
-- microseconds, percentages hundredths of a percent. key_id says under which
-- master key a row is: its hash and what is sealed in it.

-- The four tables of people are partitioned by their hash, so that vacuum and
-- indexes work on pieces of a size that fits into memory.

-- +goose Up

-- master_keys tells by their check values which master keys the rest was made
-- with. state: added, current (one), retiring, retired.
CREATE TABLE master_keys (
    id          BIGINT  PRIMARY KEY, -- the first byte of what is sealed
    check_value BYTEA   NOT NULL,
    state       TEXT    NOT NULL,
    added_at    BIGINT  NOT NULL
);

-- key_epoch counts the changes of the states.
CREATE TABLE key_epoch (
    id    BIGINT  PRIMARY KEY CHECK (id = 1),
    epoch BIGINT  NOT NULL
);
INSERT INTO key_epoch (id, epoch) VALUES (1, 0);

-- secrets are the keys of hashes that outlive a master key.
CREATE TABLE secrets (
    name   TEXT    PRIMARY KEY,
    key_id BIGINT  NOT NULL,
    sealed BYTEA   NOT NULL
);

CREATE TABLE people (
    nik         BYTEA   PRIMARY KEY, -- keyed hash: "nik index"
    key_id      BIGINT  NOT NULL,
    attributes  BYTEA   NOT NULL,        -- sealed
    enrolled_at BIGINT  NOT NULL,
    changed_at  BIGINT  NOT NULL
) PARTITION BY HASH (nik);

-- templates, person_keys and probes are tables of their own, each under another
-- keyed hash, so that a copy of one says nothing about the others.
CREATE TABLE templates (
    link     BYTEA   PRIMARY KEY, -- keyed hash: "template link"
    key_id   BIGINT  NOT NULL,
    model    TEXT    NOT NULL,
    template BYTEA   NOT NULL         -- sealed
) PARTITION BY HASH (link);

-- person_keys has the NIK and the data key that seals the rest about a person:
-- without its row the others open in no copy any more.
CREATE TABLE person_keys (
    person BYTEA   PRIMARY KEY, -- keyed hash: "person key link"
    key_id BIGINT  NOT NULL,
    sealed BYTEA   NOT NULL
) PARTITION BY HASH (person);

-- One row for each person who was asked about: all of the probes that are
-- remembered are sealed as one, so that an answer takes one read and one write.
CREATE TABLE probes (
    person  BYTEA   PRIMARY KEY, -- keyed hash: "probe link"
    key_id  BIGINT  NOT NULL,
    last_at BIGINT  NOT NULL,        -- of the latest of them
    probes  BYTEA   NOT NULL         -- sealed
) PARTITION BY HASH (person);
CREATE INDEX probes_last_at ON probes (last_at);

-- +goose StatementBegin
DO $$
BEGIN
    FOR i IN 0..31 LOOP
        EXECUTE format('CREATE TABLE people_%s PARTITION OF people FOR VALUES WITH (MODULUS 32, REMAINDER %s)', i, i);
        EXECUTE format('CREATE TABLE templates_%s PARTITION OF templates FOR VALUES WITH (MODULUS 32, REMAINDER %s)', i, i);
        EXECUTE format('CREATE TABLE person_keys_%s PARTITION OF person_keys FOR VALUES WITH (MODULUS 32, REMAINDER %s)', i, i);
        EXECUTE format('CREATE TABLE probes_%s PARTITION OF probes FOR VALUES WITH (MODULUS 32, REMAINDER %s)', i, i);
        -- Sealed bytes do not compress: keep them in the row, uncompressed.
        EXECUTE format('ALTER TABLE people_%s ALTER COLUMN attributes SET STORAGE EXTERNAL', i);
        EXECUTE format('ALTER TABLE templates_%s ALTER COLUMN template SET STORAGE EXTERNAL', i);
        EXECUTE format('ALTER TABLE probes_%s ALTER COLUMN probes SET STORAGE EXTERNAL', i);
    END LOOP;
END
$$;
-- +goose StatementEnd

CREATE TABLE clients (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    scopes     TEXT    NOT NULL, -- separated by spaces
    threshold  BIGINT  NOT NULL,
    name_mark  BIGINT  NOT NULL,
    rate       DOUBLE PRECISION NOT NULL,
    burst      BIGINT  NOT NULL,
    added_at   BIGINT  NOT NULL,
    replay     TEXT    NOT NULL,
    liveness   TEXT    NOT NULL,
    username   BYTEA   NOT NULL UNIQUE, -- keyed hashes: "credentials"
    password   BYTEA   NOT NULL,
    api_key    BYTEA   NOT NULL
);

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

-- audit_head is the last event's number and hash. Taking its one row for
-- writing is what makes writers follow each other.
CREATE TABLE audit_head (
    id   BIGINT  PRIMARY KEY CHECK (id = 1),
    seq  BIGINT  NOT NULL,
    hash BYTEA   NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- +goose Down

-- There is no way down: it would be the loss of the registry.
SELECT 1;
