-- Calls to an upstream that cost money, what is to be returned for people who
-- were verified, and the probes of people who are on record elsewhere. Times are
-- Unix microseconds, days are those of Jakarta since 1970-01-01.

-- +goose Up

-- Nothing in it is about a person.
CREATE TABLE upstream_calls (
    id         BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         BIGINT  NOT NULL,
    day        BIGINT  NOT NULL,
    client     TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    service    TEXT    NOT NULL,
    price      BIGINT  NOT NULL, -- rupiah, if billed
    class      TEXT,             -- NULL: there is no ending
    billable   BIGINT  NOT NULL,
    duration   BIGINT  NOT NULL  -- microseconds
);
-- With all that the sum of today asks for.
CREATE INDEX upstream_calls_day ON upstream_calls (day, service, at);

-- One row for each event of a verified person. The NIK is sealed under a secret,
-- and is there until it is delivered.
CREATE TABLE returns (
    seq          BIGINT  PRIMARY KEY, -- of the event in audit_events
    at           BIGINT  NOT NULL,
    day          BIGINT  NOT NULL,
    customer     TEXT    NOT NULL,    -- the request's id
    sealed       BYTEA,                -- NULL: delivered
    due_at       BIGINT  NOT NULL,    -- not to be tried before
    tries        BIGINT  NOT NULL,
    claim        BYTEA,                -- of who tries
    delivered_at BIGINT
);
CREATE INDEX returns_due ON returns (due_at, seq) WHERE delivered_at IS NULL;
CREATE INDEX returns_day ON returns (day);

-- As probes, for NIKs that are not in people.
CREATE TABLE strangers (
    person  BYTEA   PRIMARY KEY, -- keyed hash: the secret "stranger link"
    last_at BIGINT  NOT NULL,
    probes  BYTEA   NOT NULL         -- sealed under the secret "strangers"
) PARTITION BY HASH (person);
CREATE INDEX strangers_last_at ON strangers (last_at);

-- +goose StatementBegin
DO $$
BEGIN
    FOR i IN 0..31 LOOP
        EXECUTE format('CREATE TABLE strangers_%s PARTITION OF strangers FOR VALUES WITH (MODULUS 32, REMAINDER %s)', i, i);
        -- Sealed bytes do not compress: keep them in the row, uncompressed.
        EXECUTE format('ALTER TABLE strangers_%s ALTER COLUMN probes SET STORAGE EXTERNAL', i);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down

-- There is no way down: it would be the loss of what was paid for.
SELECT 1;
