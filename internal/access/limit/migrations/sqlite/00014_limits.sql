-- limit_misses has one row for each miss and each refused photograph of the last day,
-- and for each verified answer while attempts are limited. Who was asked about is a keyed
-- hash.
CREATE TABLE limit_misses (
    nik    BLOB    NOT NULL,
    at     INTEGER NOT NULL, -- when it was recorded
    id     BLOB    NOT NULL, -- of the request's lease
    client TEXT    NOT NULL, -- its id
    kind   INTEGER NOT NULL, -- 1: a miss; 2: a refused photograph; 3: a verified answer
    PRIMARY KEY (nik, at, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX limit_misses_at ON limit_misses (at);

-- limit_clients has what a client has used in a day of UTC+7.
CREATE TABLE limit_clients (
    client      TEXT    NOT NULL, -- its id
    day         INTEGER NOT NULL, -- days since 1970
    requests    INTEGER NOT NULL,
    answers     INTEGER NOT NULL,
    non_matches INTEGER NOT NULL,
    niks        INTEGER NOT NULL,
    flagged     INTEGER NOT NULL,
    stopped     INTEGER NOT NULL,
    PRIMARY KEY (client, day)
) STRICT, WITHOUT ROWID;

-- limit_niks has the keyed hashes of the NIKs of a client with a limit on their number.
CREATE TABLE limit_niks (
    client TEXT    NOT NULL, -- its id
    day    INTEGER NOT NULL,
    nik    BLOB    NOT NULL,
    PRIMARY KEY (client, day, nik)
) STRICT, WITHOUT ROWID;
CREATE INDEX limit_niks_day ON limit_niks (day);
