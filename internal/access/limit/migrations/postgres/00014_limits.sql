-- limit_misses has one row for each miss and each refused photograph of the last day,
-- and for each verified answer while attempts are limited. Who was asked about is a keyed
-- hash.
CREATE TABLE limit_misses (
    nik    BYTEA  NOT NULL,
    at     BIGINT NOT NULL, -- when it was recorded
    id     BYTEA  NOT NULL, -- of the request's lease
    client TEXT   NOT NULL, -- its id
    kind   BIGINT NOT NULL, -- 1: a miss; 2: a refused photograph; 3: a verified answer
    PRIMARY KEY (nik, at, id)
);
CREATE INDEX limit_misses_at ON limit_misses (at);

-- limit_clients has what a client has used in a day of UTC+7. Its rows change with every
-- commit, and no indexed column does: the space beside a row is for its next versions.
CREATE TABLE limit_clients (
    client      TEXT   NOT NULL, -- its id
    day         BIGINT NOT NULL, -- days since 1970
    requests    BIGINT NOT NULL,
    answers     BIGINT NOT NULL,
    non_matches BIGINT NOT NULL,
    niks        BIGINT NOT NULL,
    flagged     BIGINT NOT NULL,
    stopped     BIGINT NOT NULL,
    PRIMARY KEY (client, day)
) WITH (fillfactor = 10);

-- limit_niks has the keyed hashes of the NIKs of a client with a limit on their number.
CREATE TABLE limit_niks (
    client TEXT   NOT NULL, -- its id
    day    BIGINT NOT NULL,
    nik    BYTEA  NOT NULL,
    PRIMARY KEY (client, day, nik)
);
CREATE INDEX limit_niks_day ON limit_niks (day);

-- limit_leases has the requests in progress, on all nodes. A server that crashes has none
-- in progress, so the rows need not survive that: they are not in the write-ahead log.
CREATE UNLOGGED TABLE limit_leases (
    id      BYTEA  PRIMARY KEY,
    nik     BYTEA,           -- keyed hash; NULL: about nobody
    client  TEXT   NOT NULL, -- its id
    fresh   BIGINT NOT NULL, -- 1: the NIK is not one of the client's of the day
    expires BIGINT NOT NULL  -- for a node that was killed
);
CREATE INDEX limit_leases_nik ON limit_leases (nik);
CREATE INDEX limit_leases_client ON limit_leases (client);

-- limit_rates has when the whole burst of a client with a rate is there again, by the clock
-- of this server. After a crash it is.
CREATE UNLOGGED TABLE limit_rates (
    client  TEXT   PRIMARY KEY, -- its id
    full_at BIGINT NOT NULL
) WITH (fillfactor = 10);
