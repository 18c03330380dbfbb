-- Limits in place of the configured ones: '' if there are none.
ALTER TABLE clients ADD COLUMN limits TEXT NOT NULL DEFAULT '';
