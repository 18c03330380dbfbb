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

-- The tables of people are partitioned by their hash, so that vacuum and indexes
-- work on pieces of a size that fits into memory. Tests set sesuai.partitions.
DO $$
DECLARE
    n int := coalesce(nullif(current_setting('sesuai.partitions', true), ''), '32');
BEGIN
    FOR i IN 0..n - 1 LOOP
        EXECUTE format('CREATE TABLE people_%s PARTITION OF people FOR VALUES WITH (MODULUS %s, REMAINDER %s)', i, n, i);
        EXECUTE format('CREATE TABLE templates_%s PARTITION OF templates FOR VALUES WITH (MODULUS %s, REMAINDER %s)', i, n, i);
        EXECUTE format('CREATE TABLE person_keys_%s PARTITION OF person_keys FOR VALUES WITH (MODULUS %s, REMAINDER %s)', i, n, i);
        EXECUTE format('CREATE TABLE probes_%s PARTITION OF probes FOR VALUES WITH (MODULUS %s, REMAINDER %s)', i, n, i);
        -- Sealed bytes do not compress: keep them in the row, uncompressed.
        EXECUTE format('ALTER TABLE people_%s ALTER COLUMN attributes SET STORAGE EXTERNAL', i);
        EXECUTE format('ALTER TABLE templates_%s ALTER COLUMN template SET STORAGE EXTERNAL', i);
        EXECUTE format('ALTER TABLE probes_%s ALTER COLUMN probes SET STORAGE EXTERNAL', i);
    END LOOP;
END
$$;
