-- people_sums has a sum over the people whose rows of person_keys begin with that
-- byte, and in row 256 the sum over everybody. A row is empty until the database
-- is opened. Every change of people updates rows, so pages keep room for that.
CREATE TABLE people_sums (
    bucket BIGINT PRIMARY KEY,
    sealed BYTEA  NOT NULL -- under the secret "people sums"
) WITH (fillfactor = 50);
INSERT INTO people_sums (bucket, sealed) SELECT n, ''::bytea FROM generate_series(0, 256) AS n;
