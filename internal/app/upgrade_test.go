package app_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// schema4 holds a data folder and a database that commit 2b2f1d8 made, and what
// the program of that commit said of them; see its README.md.
const schema4 = "testdata/schema4"

// calibration4 is the calibration that the program of that commit had.
const calibration4 = "asia-2026-11"

// fixtures restores each fixture.
var fixtures = map[string]func(t *testing.T, c *app.Config){"sqlite": restoreSQLite, "postgres": restorePostgres}

// renamed maps a name in the JSON that commands of that commit printed to the
// name that they print now.
var renamed = map[string]string{
	"name_mark":                "name_threshold",
	"returns_owed":             "balikan_total",
	"returns_delivered":        "balikan_delivered",
	"returns_outstanding":      "balikan_pending",
	"oldest_outstanding_hours": "oldest_pending_hours",
}

// object is JSON as a command prints it.
type object = map[string]any

// expected is what the program of commit 2b2f1d8 said of a fixture.
type expected struct {
	Count   object            `json:"person_count"`
	Digest  object            `json:"person_digest"`
	People  map[string]object `json:"person_show"` // by NIK
	Clients []any             `json:"client_list"`
	Keys    []any             `json:"keys_status"`
	Usage   object            `json:"dukcapil_usage"`
	Report  object            `json:"dukcapil_report"`
	Trail   auditTrail        `json:"audit_trail"`
	// Returned are the NIKs in the outbox that are not delivered, by request id.
	Returned    map[string]string          `json:"returned"`
	Ask         []upgradeAsk               `json:"ask"`
	Credentials map[string]access.Revealed `json:"credentials"`
}

// auditTrail is the head of the audit trail and its number of events by result.
type auditTrail struct {
	Seq     int64            `json:"seq"`
	Hash    string           `json:"hash"`
	Results map[string]int64 `json:"results"`
}

// verifications is the number of events that are not of changes.
func (a auditTrail) verifications() int64 { return a.Seq - a.Results[string(audit.Changed)] }

// upgradeAsk is a verification and how that commit answered it. Dukcapil is
// whether the service asks a sandbox of Dukcapil instead of its own people.
type upgradeAsk struct {
	What      string `json:"what"`
	Client    string `json:"client"`
	Dukcapil  bool   `json:"dukcapil"`
	RequestID string `json:"request_id"`
	NIK       string `json:"nik"`
	Name      string `json:"name"`
	Born      string `json:"date_of_birth"`
	Photo     string `json:"photo"`
	Status    int    `json:"status"`
	Body      object `json:"body"`
}

// upgraded is a fixture that was opened with the present program.
type upgraded struct {
	want   expected
	config app.Config
	sesuai process.Runner
}

// TestUpgrade opens what commit 2b2f1d8 stored, on both engines: people,
// clients, the audit trail, the call log, the outbox and the remembered probes
// are as they were, and the answers to further verifications follow from them.
func TestUpgrade(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels)
	for name, restore := range fixtures {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has its own database and processes
			u := openFixture(t, name, restore)
			// The calibration of that commit still gives its verdicts.
			u.sesuai.Env = append(u.sesuai.Env, "SESUAI_FACE_CALIBRATION="+calibration4)
			u.checkRecords(t)
			if got := u.trail(t); !cmp.Equal(got, u.want.Trail) {
				t.Errorf("the audit trail: %s", cmp.Diff(u.want.Trail, got))
			}
			u.checkAnswers(t)
			u.checkUpstream(t)
			// Each verification has continued the same chain.
			if got, want := u.trail(t).verifications(), u.want.Trail.verifications()+int64(len(u.want.Ask)); got != want {
				t.Errorf("the audit trail holds %d verifications, want %d", got, want)
			}
			u.checkPeople(t)
		})
	}
}

func openFixture(t *testing.T, name string, restore func(*testing.T, *app.Config)) *upgraded {
	t.Helper()
	u := &upgraded{config: app.DefaultConfig()}
	b, err := os.ReadFile(filepath.Join(schema4, name+".expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &u.want); err != nil {
		t.Fatal(err)
	}
	u.config.Data = filepath.Join(t.TempDir(), "data")
	u.config.Models = modelsDir
	u.config.Postgres.Migrate = true
	// The longest that the configuration allows: the fixture's probes must not
	// be dropped for their age.
	u.config.Replay.MaxAge = 10 * 365 * 24 * time.Hour
	u.sesuai = process.Runner{Program: process.Program(t, "../.."), Args: []string{"--data", u.config.Data}}
	restore(t, &u.config)
	u.sesuai.Env = []string{
		"SESUAI_REGISTRY=" + u.config.Registry, "SESUAI_POSTGRES_MIGRATE=true",
		"SESUAI_REPLAY_MAX_AGE=" + u.config.Replay.MaxAge.String(), "SESUAI_LOG_LEVEL=warn",
	}
	return u
}

// restoreSQLite unpacks the data folder.
func restoreSQLite(t *testing.T, c *app.Config) {
	t.Helper()
	run(t, exec.Command("tar", "-xzf", filepath.Join(schema4, "sqlite.tar.gz"), "-C", filepath.Dir(c.Data)))
}

// restorePostgres restores the dump into a database of the test's own, and
// copies the master keys into the data folder.
func restorePostgres(t *testing.T, c *app.Config) {
	t.Helper()
	c.Registry = pgtest.Database(t)
	dump, err := os.Open(filepath.Join(schema4, "postgres.sql.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer dump.Close()
	psql := exec.Command(filepath.Join(pgtest.Binaries, "psql"), "--quiet", "--no-psqlrc", "--single-transaction",
		"--set=ON_ERROR_STOP=1", c.Registry)
	if psql.Stdin, err = gzip.NewReader(dump); err != nil {
		t.Fatal(err)
	}
	run(t, psql)
	if err := os.Mkdir(c.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"master.key", "master.key.2"} {
		key, err := os.ReadFile(filepath.Join(schema4, "postgres-keys", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Data, name), key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", cmd.Path, err, out)
	}
}

// trail verifies the chain of the audit trail and describes it. Of the whole
// test only this uses what the packages offer, since no command describes it.
func (u *upgraded) trail(t *testing.T) auditTrail {
	t.Helper()
	storage, err := app.OpenStorage(t.Context(), u.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	head, err := storage.Trail.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	driver, source := "sqlite", filepath.Join(u.config.Data, "sesuai.db")
	if u.config.Registry != "" {
		driver, source = "pgx", u.config.Registry
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	trail := auditTrail{head.Seq, hex.EncodeToString(head.Hash[:]), make(map[string]int64)}
	rows, err := db.QueryContext(t.Context(), `SELECT result, count(*) FROM audit_events GROUP BY result`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var result string
		var n int64
		if err := rows.Scan(&result, &n); err != nil {
			t.Fatal(err)
		}
		trail.Results[result] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	// A copy of one table does not show whose row is in another: each has a hash
	// of the NIK of its own.
	var linked int
	err = db.QueryRowContext(t.Context(),
		`SELECT count(*) FROM audit_events a, people p, templates t WHERE a.nik = p.nik OR a.nik = t.link OR p.nik = t.link`).Scan(&linked)
	if err != nil || linked != 0 {
		t.Errorf("%d rows of different tables have one hash, %v", linked, err)
	}
	return trail
}

// checkRecords compares what commands print with what they printed.
func (u *upgraded) checkRecords(t *testing.T) {
	t.Helper()
	u.prints(t, u.want.Count, "person", "count")
	for nik, want := range u.want.People {
		u.prints(t, want, "person", "show", nik)
	}
	u.prints(t, u.want.Clients, "client", "list")
	u.prints(t, u.want.Keys, "keys", "status")
	u.prints(t, u.want.Usage, "dukcapil", "usage", "--from", u.want.Usage["from"].(string), "--to", u.want.Usage["to"].(string))
	u.prints(t, u.want.Report, "dukcapil", "report", "--half-year", u.want.Report["half_year"].(string))
}

// prints runs a command and reports where what it prints lacks something of
// want. An exit status of 1 says only that the answer is unfavourable.
func (u *upgraded) prints(t *testing.T, want any, args ...string) {
	t.Helper()
	cmd := u.sesuai.Command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) {
		t.Errorf("sesuai %s: %v: %s", strings.Join(args, " "), err, stderr.Bytes())
		return
	}
	var got any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Errorf("sesuai %s: %v in %s", strings.Join(args, " "), err, out)
		return
	}
	if diff := cmp.Diff(want, onlyWanted(want, got)); diff != "" {
		t.Errorf("sesuai %s (-then +now): %s", strings.Join(args, " "), diff)
	}
}

// onlyWanted is got under the names of that commit, without what that commit
// did not print.
func onlyWanted(want, got any) any {
	switch want := want.(type) {
	case object:
		got, ok := got.(object)
		if !ok {
			return got
		}
		kept := make(object)
		for name, part := range want {
			now := name
			if other, ok := renamed[name]; ok {
				now = other
			}
			if value, ok := got[now]; ok {
				kept[name] = onlyWanted(part, value)
			}
		}
		return kept
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return got
		}
		kept := make([]any, len(got))
		for i := range got {
			kept[i] = onlyWanted(want[i], got[i])
		}
		return kept
	default:
		return got
	}
}

// checkAnswers sends the verifications that the service answers by its own
// people.
func (u *upgraded) checkAnswers(t *testing.T) {
	t.Helper()
	u.serve(t).Stop(t)
}

// serve runs the service and sends it the verifications that are for it.
func (u *upgraded) serve(t *testing.T, dukcapil ...string) *process.Process {
	t.Helper()
	p, s := u.start(t, dukcapil...)
	defer s.client.CloseIdleConnections()
	// Photographs are decoded and compared in floating point.
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 0.5 })
	for _, a := range u.want.Ask {
		if a.Dukcapil != (dukcapil != nil) {
			continue
		}
		status, body := u.send(t, s, a)
		if diff := cmp.Diff(a.Body, body, near); status != a.Status || diff != "" {
			t.Errorf("%s: status %d, want %d; the body (-then +now): %s", a.What, status, a.Status, diff)
		}
	}
	return p
}

// start runs the service.
func (u *upgraded) start(t *testing.T, env ...string) (*process.Process, *service) {
	t.Helper()
	r := u.sesuai
	// No photograph is this much alive, so each is suspected where liveness is
	// measured.
	r.Env = slices.Concat(r.Env, env, []string{"SESUAI_FACE_LIVENESS=true", "SESUAI_FACE_LIVENESS_THRESHOLD=1"})
	var started struct{ Address string }
	p := r.Start(t, &started, "serve", "--listen", "127.0.0.1:0")
	return p, &service{address: started.Address, client: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
}

// send sends a verification to the service.
func (u *upgraded) send(t *testing.T, s *service, a upgradeAsk) (status int, body object) {
	t.Helper()
	photo, ok := pictures(t)[a.Photo]
	if !ok {
		t.Fatalf("there is no picture %q", a.Photo)
	}
	contentType, b := form(t, person{nik: a.NIK, name: a.Name, born: a.Born}, photo)
	s.who = u.want.Credentials[a.Client]
	r := s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, b)
	r.Header.Set("X-Request-Id", a.RequestID)
	status, text := s.do(t, r)
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	return status, body
}

// checkUpstream sends the verifications that Dukcapil answers, here by its
// sandbox, and looks at what the service returns for those that were verified
// before.
func (u *upgraded) checkUpstream(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sandbox := process.Runner{
		Program: u.sesuai.Program, Args: []string{"--data", filepath.Join(dir, "sandbox")}, Env: []string{"SESUAI_LOG_LEVEL=error"},
	}
	var checks struct {
		URL       string `json:"url"`
		Pin       string `json:"pin"`
		PublicKey string `json:"public_key"`
	}
	settings := file("sandbox.yaml", "accounts: [{user_id: user, password: password, customer: bank, credential: credential}]\n")
	defer sandbox.Start(t, &checks, "dukcapil-sandbox", "--settings", settings, "--listen", "127.0.0.1:0").Stop(t)
	receiver := newReceiver(t)
	user, password := file("user", "user\n"), file("password", "password\n")
	p := u.serve(t,
		"SESUAI_DUKCAPIL_ENABLED=true", "SESUAI_DUKCAPIL_TLS_PINS="+checks.Pin+" "+receiver.pin,
		"SESUAI_DUKCAPIL_DATA_URL="+checks.URL, "SESUAI_DUKCAPIL_DATA_CUSTOMER=bank", "SESUAI_DUKCAPIL_DATA_IP=127.0.0.1",
		"SESUAI_DUKCAPIL_DATA_USER_FILE="+user, "SESUAI_DUKCAPIL_DATA_PASSWORD_FILE="+password,
		"SESUAI_DUKCAPIL_FACE_URL="+checks.URL, "SESUAI_DUKCAPIL_FACE_IP=127.0.0.1",
		"SESUAI_DUKCAPIL_FACE_USER_FILE="+user, "SESUAI_DUKCAPIL_FACE_PASSWORD_FILE="+password,
		"SESUAI_DUKCAPIL_FACE_CREDENTIAL_FILE="+file("credential", "credential\n"),
		"SESUAI_DUKCAPIL_FACE_PUBLIC_KEY_FILE="+checks.PublicKey,
		"SESUAI_DUKCAPIL_BALIKAN_URL="+receiver.url, "SESUAI_DUKCAPIL_BALIKAN_TOKEN_FILE="+file("token", "token\n"),
		"SESUAI_DUKCAPIL_BALIKAN_INSTITUTION_ID=77", "SESUAI_DUKCAPIL_BALIKAN_INSTITUTION_NAME=BANK CONTOH",
		"SESUAI_DUKCAPIL_BALIKAN_INTERVAL=200ms")
	defer p.Stop(t)
	want := maps.Clone(u.want.Returned)
	for _, a := range u.want.Ask {
		if a.Dukcapil && a.Body["verification_status"] == true {
			want[a.RequestID] = a.NIK
		}
	}
	got := make(map[string]string)
	deadline := time.After(patience)
	for len(got) < len(want) {
		select {
		case one := <-receiver.got:
			got[one.customer] = one.nik
		case <-deadline:
			t.Fatalf("of the returns %v only %v came; log:\n%s", want, got, p.Log)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the returns (-want +got): %s", diff)
	}
}

// receiver takes returned data, as Dukcapil does.
type receiver struct {
	url, pin string
	got      chan returned
}

type returned struct{ customer, nik string }

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: make(chan returned, 100)}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var sent []struct {
			Data []struct {
				NIK   string
				Param []struct {
					CustomerID string `json:"CUSTOMER_ID"`
				} `json:"param"`
			} `json:"data"`
		}
		if err := json.NewDecoder(req.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		for _, institution := range sent {
			for _, d := range institution.Data {
				for _, p := range d.Param {
					r.got <- returned{p.CustomerID, d.NIK}
				}
			}
		}
		_, _ = io.WriteString(w, `{"message":"Success"}`)
	}))
	t.Cleanup(server.Close)
	key := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	r.url, r.pin = server.URL+"/store", base64.StdEncoding.EncodeToString(key[:])
	return r
}

// checkPeople compares all that is on record about everybody, by its digest.
func (u *upgraded) checkPeople(t *testing.T) {
	t.Helper()
	keys := u.finishRotation(t)
	if got, want := fmt.Sprint(keys), fmt.Sprintf("[{1 retired 0} {2 current %v}]", u.want.Count["people"]); got != want {
		t.Errorf("the master keys are %s, want %s", got, want)
	}
	u.prints(t, u.want.Digest, "person", "digest")
	var report app.TrailReport
	if u.sesuai.Run(t, &report, "audit", "verify"); !report.Whole {
		t.Errorf("the audit trail: %s", report.Why)
	}
}
