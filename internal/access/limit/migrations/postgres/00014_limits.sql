-- limit_misses has one row for each miss and each refused photograph of the last day.
-- Who was asked about is a keyed hash.
CREATE TABLE limit_misses (
    nik    BYTEA  NOT NULL,
    at     BIGINT NOT NULL, -- when it was recorded
    id     BYTEA  NOT NULL, -- of the request's lease
    client TEXT   NOT NULL, -- its id
    kind   BIGINT NOT NULL, -- 1: a miss; 2: a refused photograph
    PRIMARY KEY (nik, at, id)
);
CREATE INDEX limit_misses_at ON limit_misses (at);
