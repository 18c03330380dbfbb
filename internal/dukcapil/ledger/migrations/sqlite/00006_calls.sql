-- Under the secret "rows". NULL: the call is of an earlier schema.
ALTER TABLE upstream_calls ADD COLUMN mac BLOB;
