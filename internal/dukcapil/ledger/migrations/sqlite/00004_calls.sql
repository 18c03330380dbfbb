-- Nothing in it is about a person.
CREATE TABLE upstream_calls (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    client     TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    service    TEXT    NOT NULL,
    price      INTEGER NOT NULL, -- rupiah, if billed
    class      TEXT,             -- NULL: there is no ending
    billable   INTEGER NOT NULL,
    duration   INTEGER NOT NULL  -- microseconds
) STRICT;
-- With all that the sum of today asks for.
CREATE INDEX upstream_calls_day ON upstream_calls (day, service, at);
