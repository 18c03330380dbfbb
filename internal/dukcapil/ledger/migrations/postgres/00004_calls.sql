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
