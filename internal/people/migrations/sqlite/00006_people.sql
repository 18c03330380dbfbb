-- people_sums has a sum over the people whose rows of person_keys begin with that
-- byte, and in row 256 the sum over everybody. A row is empty until the database
-- is opened.
CREATE TABLE people_sums (
    bucket INTEGER PRIMARY KEY,
    sealed BLOB    NOT NULL -- under the secret "people sums"
) STRICT;
WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 256)
INSERT INTO people_sums (bucket, sealed) SELECT n, x'' FROM numbers;
