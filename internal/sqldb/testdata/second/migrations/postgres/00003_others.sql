CREATE TABLE others (id BYTEA PRIMARY KEY);
CREATE INDEX others_id ON others (id);
