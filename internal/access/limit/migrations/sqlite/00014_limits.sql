-- limit_misses has one row for each miss and each refused photograph of the last day.
-- Who was asked about is a keyed hash.
CREATE TABLE limit_misses (
    nik    BLOB    NOT NULL,
    at     INTEGER NOT NULL, -- when it was recorded
    id     BLOB    NOT NULL, -- of the request's lease
    client TEXT    NOT NULL, -- its id
    kind   INTEGER NOT NULL, -- 1: a miss; 2: a refused photograph
    PRIMARY KEY (nik, at, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX limit_misses_at ON limit_misses (at);
