package privacy_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver for PostgreSQL

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/subject"
	"github.com/sesuai/sesuai/internal/vault"
)

// search finds rows about people in every table of a database, by other means than the
// product: keyed hashes of their NIKs in any column, and NIKs and ids of their requests
// in any text, encrypted or not. It has all keys.
type search struct {
	db   *sql.DB
	ring *keyring.Ring
	keys []*keyring.Key
	// secrets that seal or hash
	auditNIK, unenrolled, unenrolledProbes, outbox, answers, webhooks, batches *keyring.Secret
	// whose is the person of a hash, of a NIK, and of a request.
	whose map[string]int
	// dataKeys are those that the database has, by person.
	dataKeys map[int]*keyring.DataKey
}

// newSearch returns a search of the database of c for people.
func newSearch(t *testing.T, w *world, c app.Config, people []int) *search {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	s := &search{whose: make(map[string]int), dataKeys: make(map[int]*keyring.DataKey)}
	db, _, err := sqldb.OpenUnmigrated(ctx, sqldb.Options{Dir: c.Data, URL: c.Registry, Connections: 2, Migrations: []fs.FS{vault.Migrations}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.db = db.Read()
	v, err := vault.Open(ctx, vault.Options{DB: db, OpenRing: func(bool) (ring *keyring.Ring, err error) {
		s.ring, err = keyring.Open(ctx, keyring.Options{Path: c.MasterKeyPath(1)})
		return s.ring, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.keys = v.Keys().All()
	s.auditNIK, s.unenrolled = v.Secret(keyring.AuditNIK), v.Secret(keyring.UnenrolledLink)
	s.unenrolledProbes, s.outbox = v.Secret(keyring.UnenrolledProbes), v.Secret(keyring.Outbox)
	of := v.Secret(keyring.Rows)
	s.answers, s.webhooks, s.batches = of.Derive(keyring.Answers), of.Derive(keyring.Webhooks), of.Derive(keyring.Batches)
	for _, n := range people {
		nik := w.nik(n).Reveal()
		s.whose[nik] = n
		for _, id := range w.requests[n] {
			s.whose[id] = n
		}
		for _, key := range s.keys {
			for _, use := range []keyring.HashKey{keyring.NIKIndex, keyring.TemplateLink, keyring.ProbeLink, keyring.PersonKeyLink} {
				hash := key.Hash(use, []byte(nik))
				s.whose[string(hash[:])] = n
			}
		}
		for _, secret := range hashers(v) {
			for _, of := range hashed(nik, w.ids) {
				hash := secret.Hash(of)
				s.whose[string(hash[:])], s.whose[string(hash[:16])] = n, n
			}
		}
	}
	return s
}

// hashed are the texts with a NIK of which a keyed hash may be stored.
func hashed(nik string, clients []string) [][]byte {
	all := [][]byte{[]byte(nik)}
	for _, p := range subject.Places {
		for column := range p.Columns {
			name := p.Table + "." + column
			all = append(all, keyring.Bind(name, []byte(nik)))
			for _, client := range clients {
				all = append(all, keyring.Bind(name, []byte(client), []byte(nik)), keyring.Bind(name, []byte(nik), []byte(client)))
			}
		}
	}
	return all
}

// hashers are all secrets that may hash NIKs.
func hashers(v *vault.Vault) (all []*keyring.Secret) {
	for _, name := range keyring.SecretNames() {
		all = append(all, v.Secret(name))
	}
	for _, derived := range []keyring.DerivedName{keyring.Answers, keyring.Webhooks, keyring.Batches, keyring.Limits} {
		all = append(all, v.Secret(keyring.Rows).Derive(derived))
	}
	return all
}

// tables are those of the database but parts of others.
func (s *search) tables(t *testing.T, c app.Config) []string {
	t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`
	if c.Registry != "" {
		query = `SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname`
	}
	names, err := sqldb.Collect(t.Context(), s.db, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) }, query)
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	return names
}

// found is the number of rows of each person in each table.
type found map[int]map[string]int

// run searches every table. opened is called with what could be decrypted about whom.
func (s *search) run(t *testing.T, c app.Config) found {
	t.Helper()
	hits := make(found)
	seqs := make(map[int64]int) // the person of an event
	tables := s.tables(t, c)
	// The events first: other tables have their numbers.
	for _, events := range []bool{true, false} {
		for _, table := range tables {
			if (table == "audit_events") != events {
				continue
			}
			s.rows(t, table, func(row map[string]any) {
				for n := range s.peopleOf(table, row, seqs) {
					if hits[n] == nil {
						hits[n] = make(map[string]int)
					}
					hits[n][table]++
					if events {
						seqs[row["seq"].(int64)] = n
					}
				}
			})
		}
	}
	return hits
}

// rows calls f with each row of a table.
func (s *search) rows(t *testing.T, table string, f func(row map[string]any)) {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), `SELECT * FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		row := make(map[string]any, len(columns))
		for i, name := range columns {
			row[name] = values[i]
		}
		f(row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// token is what may be a NIK or the id of a request.
var token = regexp.MustCompile(`[0-9]{16}|request-[0-9]+-[0-9]+|batch-[A-Za-z]+-[0-9]+`)

// peopleOf returns whom a row is about.
func (s *search) peopleOf(table string, row map[string]any, seqs map[int64]int) map[int]bool {
	people := make(map[int]bool)
	look := func(text string) {
		if n, ok := s.whose[text]; ok {
			people[n] = true
		}
		for _, found := range token.FindAllString(text, -1) {
			if n, ok := s.whose[found]; ok {
				people[n] = true
			}
		}
	}
	for _, value := range row {
		switch value := value.(type) {
		case string:
			look(value)
		case []byte:
			look(string(value))
		}
	}
	if table == "answers" || table == "outbox" {
		if n, ok := seqs[row["seq"].(int64)]; ok {
			people[n] = true
		}
	}
	for _, plain := range s.decrypt(table, row) {
		look(string(plain))
	}
	return people
}

// decrypt opens what is sealed in a row, but under a data key.
func (s *search) decrypt(table string, row map[string]any) (plain [][]byte) {
	b := func(name string) []byte { v, _ := row[name].([]byte); return v }
	n := func(name string) []byte {
		v, _ := row[name].(int64)
		return binary.BigEndian.AppendUint64(nil, uint64(v))
	}
	text := func(name string) []byte { v, _ := row[name].(string); return []byte(v) }
	add := func(opened []byte, err error) {
		if err == nil {
			plain = append(plain, opened)
		}
	}
	switch table {
	case "person_keys":
		for _, key := range s.keys {
			add(key.Open(keyring.PersonKeys, b("person")[0], b("sealed"), keyring.Bind("person_keys.sealed", b("person"))))
		}
	case "outbox":
		if sealed := b("sealed"); sealed != nil {
			add(s.outbox.Open(byte(row["seq"].(int64)), sealed, keyring.Bind("returns.sealed", n("seq"), text("customer"))))
		}
	case "answers":
		add(s.answers.Open(byte(row["seq"].(int64)), b("sealed"), keyring.Bind("answers.sealed", n("seq"), n("at"), b("request"), b("reference"))))
	case "idempotency_keys":
		if sealed := b("sealed"); sealed != nil {
			add(s.answers.Open(b("key")[0], sealed, keyring.Bind("idempotency_keys.sealed", b("key"), b("request"), n("at"))))
		}
	case "webhook_deliveries":
		if sealed := b("sealed"); sealed != nil {
			id := text("id")
			add(s.webhooks.Open(id[len(id)-2], sealed, keyring.Bind("webhook_deliveries.sealed", id, text("client"), text("event"), n("created_at"))))
		}
	case "batch_rows":
		plain = append(plain, s.batchRow(row)...)
	}
	return plain
}

// batchRow opens a row of a batch.
func (s *search) batchRow(row map[string]any) (plain [][]byte) {
	var id, client, endpoint string
	if err := s.db.QueryRow(`SELECT id, client, endpoint FROM batches WHERE number = $1`, row["batch"]).Scan(&id, &client, &endpoint); err != nil {
		return nil
	}
	line := row["line"].(int64)
	bound := [][]byte{[]byte(id), []byte(client), []byte(endpoint), binary.BigEndian.AppendUint64(nil, uint64(line))}
	if sealed, _ := row["sealed"].([]byte); sealed != nil {
		if opened, err := s.batches.Open(byte(line), sealed, keyring.Bind("batch_rows.sealed", bound...)); err == nil {
			plain = append(plain, opened)
		}
	}
	if sealed, _ := row["answer"].([]byte); sealed != nil {
		bound = append(bound, []byte{byte(row["outcome"].(int64))})
		opened, err := s.batches.Open(byte(line), sealed, keyring.Bind("batch_rows.answer", bound...))
		var a struct {
			Status int `json:"status"`
		}
		if err == nil && json.Unmarshal(opened, &a) == nil && a.Status != 410 { // nothing of the person remains
			plain = append(plain, opened)
		}
	}
	return plain
}

// open opens with some data keys what is sealed under the data key of a person, and
// returns how many rows opened.
func (s *search) open(t *testing.T, w *world, people []int, keys map[string]*keyring.DataKey) (opened, there int) {
	t.Helper()
	name := make(map[int]string)
	for _, n := range people {
		name[n] = w.country.Person(n).Name.Reveal()
	}
	s.rows(t, "people", func(row map[string]any) {
		hash := row["nik"].([]byte)
		n, ok := s.whose[string(hash)]
		if !ok {
			return
		}
		there++
		for _, key := range keys {
			plain, err := key.Open(row["attributes"].([]byte), keyring.Bind("people.attributes", hash))
			if err == nil && strings.Contains(string(plain), name[n]) {
				opened++
			}
		}
	})
	return opened, there
}

// allDataKeys are those of person_keys, by the hash of the row.
func (s *search) allDataKeys(t *testing.T) map[string]*keyring.DataKey {
	t.Helper()
	all := make(map[string]*keyring.DataKey)
	s.rows(t, "person_keys", func(row map[string]any) {
		for _, plain := range s.decrypt("person_keys", row) {
			key, err := keyring.DataKeyOf(byte(row["key_id"].(int64)), plain[:keyring.DataKeySize])
			if err != nil {
				t.Fatal(err)
			}
			all[string(row["person"].([]byte))] = key
		}
	})
	return all
}
