ALTER TABLE clients RENAME COLUMN name_mark TO name_threshold;
