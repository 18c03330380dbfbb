CREATE TABLE others (id BLOB PRIMARY KEY);
CREATE INDEX others_id ON others (id);
