-- Of all other columns, under the secret "rows". NULL: the row is of an earlier
-- schema and was never adopted.
ALTER TABLE clients ADD COLUMN mac BLOB;
