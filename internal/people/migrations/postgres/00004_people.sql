-- As probes, for NIKs that are not in people.
CREATE TABLE strangers (
    person  BYTEA   PRIMARY KEY, -- keyed hash: the secret "stranger link"
    last_at BIGINT  NOT NULL,
    probes  BYTEA   NOT NULL         -- sealed under the secret "strangers"
) PARTITION BY HASH (person);
CREATE INDEX strangers_last_at ON strangers (last_at);

-- The tables of people are partitioned by their hash, so that vacuum and indexes
-- work on pieces of a size that fits into memory. Tests set sesuai.partitions.
DO $$
DECLARE
    n int := coalesce(nullif(current_setting('sesuai.partitions', true), ''), '32');
BEGIN
    FOR i IN 0..n - 1 LOOP
        EXECUTE format('CREATE TABLE strangers_%s PARTITION OF strangers FOR VALUES WITH (MODULUS %s, REMAINDER %s)', i, n, i);
        -- Sealed bytes do not compress: keep them in the row, uncompressed.
        EXECUTE format('ALTER TABLE strangers_%s ALTER COLUMN probes SET STORAGE EXTERNAL', i);
    END LOOP;
END
$$;
