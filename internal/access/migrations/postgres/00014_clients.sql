-- How exactly percentages are given: '', which is exact, tens or none.
ALTER TABLE clients ADD COLUMN percentage TEXT NOT NULL DEFAULT '';
