-- What a request of the client must state of the ground for it; '': nothing.
ALTER TABLE clients ADD COLUMN consent TEXT NOT NULL DEFAULT '';
