package console_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/accesstest"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/approval"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/console"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }

var engines = sqltest.New(audit.Migrations, operator.Migrations, approval.Migrations)

const (
	origin   = "http://localhost:8081"
	password = "correct horse battery"
)

// world is a console with an operator of each role, two clients and some events.
type world struct {
	*console.Console
	options   console.Options
	operators *operator.Store
	passkeys  *operator.Passkeys
	proposals *approval.Store
	erased    []string // NIKs
	reported  []string // NIKs
	clients   *accesstest.Memory
	trail     *audit.Trail
	whole     wholeTrail
	db        *sqldb.DB
	trials    fakeTrials
	people    fakePeople
	secrets   map[string]string // of authenticators, by the names of operators

	mu  sync.Mutex
	now time.Time
}

// wholeTrail is console.Trail.
type wholeTrail struct {
	checkpoint audit.Checkpoint
	why        string
}

func (w *wholeTrail) LatestCheckpoint() (audit.Checkpoint, error) { return w.checkpoint, nil }

func (w *wholeTrail) Verify(context.Context) (int64, string, error) { return 42, w.why, nil }

// noUsage is console.Usage.
type noUsage struct{}

func (noUsage) ClientUsage(context.Context, string, limit.Settings) (limit.ClientUsage, error) {
	return limit.ClientUsage{Limits: []limit.Usage{{Limit: "requests_per_day", Used: 7, Max: 5000}, {Limit: "niks_per_day"}}}, nil
}

// hostile is text that a page must not have as it is.
const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`

// calibration is one that is shipped.
func calibration(t testing.TB) *face.Calibration {
	t.Helper()
	c, err := face.ShippedCalibration("asia-2026-11b")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T) *world {
	t.Helper()
	return openOn(t, engines.SQLite(t))
}

func openOn(t testing.TB, d sqltest.Database) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC), secrets: make(map[string]string), clients: new(accesstest.Memory)}
	db := d.Open(t)
	w.db = db
	var err error
	if w.trail, err = audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: keyring.NewSecret(), Chain: keyring.NewSecret(), Actor: "root"}); err != nil {
		t.Fatal(err)
	}
	audittest.Start(t, db, w.trail)
	clock := func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	}
	w.operators = operator.NewStore(operator.Options{
		DB: db, Trail: w.trail, Secret: keyring.NewSecret(), Cost: operator.Cost{Time: 1, Memory: 64, Threads: 1}, Now: clock,
	})
	if w.passkeys, err = w.operators.PasskeysAt(origin); err != nil {
		t.Fatal(err)
	}
	w.proposals = approval.NewStore(approval.Options{DB: db, Trail: w.trail, Operators: w.operators, Secret: keyring.NewSecret(), Now: clock})
	w.options = console.Options{
		Operators: w.operators, Passkeys: w.passkeys, Events: w.trail, Counts: w.trail, Calibration: calibration(t), Record: w.trail.Record, Clients: w.clients, Approvals: w.proposals, Erase: w.erase, ReportSubject: w.reportSubject, Hash: sha256.Sum256, Usage: noUsage{},
		Trail: &w.whole, Log: slog.New(slog.DiscardHandler), Now: clock,
		Trials: &w.trials, People: &w.people, MaxPhoto: 100_000, TrialPrice: func(time.Time) (string, error) { return "Rp 1.000", nil },
	}
	if w.Console, err = console.New(w.options); err != nil {
		t.Fatal(err)
	}
	for _, role := range operator.Roles {
		w.enrol(t, string(role), role)
	}
	bank := accesstest.Client("bank")
	bank.ID, bank.Name, bank.Note, bank.Disabled = "cli_bank", "bank", hostile, false
	shop := accesstest.Client("shop")
	shop.ID, shop.Name = "cli_shop", hostile
	for _, c := range []access.Client{bank, shop} {
		if err := w.clients.AddClient(t.Context(), c, accesstest.HashesOf(c.ID)); err != nil {
			t.Fatal(err)
		}
	}
	replayed := event(t, 2, "request-2", 88.5)
	replayed.Flags = audit.SuspectedReplay
	w.append(t, db, event(t, 1, "request-1", 71.25), replayed, event(t, 3, hostile, 40))
	return w
}

// event is one of a face verification with that percentage.
func event(t testing.TB, n int, id string, percentage float64) audit.Event {
	t.Helper()
	e := audittest.Event(t, n, id)
	e.Client, e.Percentage, e.Result, e.Name, e.NameScore = "cli_bank", sesuai.PercentageOf(percentage), audit.NotVerified, sesuai.Match, 97
	e.Reason, e.Reference = string(sesuai.ReasonFaceBelowThreshold), "order "+id
	if percentage >= 75 {
		e.Result, e.Reason = audit.Verified, string(sesuai.ReasonVerified)
	}
	return e
}

func (w *world) append(t testing.TB, db *sqldb.DB, events ...audit.Event) {
	t.Helper()
	err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		_, err := w.trail.AppendTx(t.Context(), tx, events)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// reportSubject writes a report that is no page.
func (w *world) reportSubject(_ context.Context, nik sesuai.NIK, to io.Writer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reported = append(w.reported, nik.Reveal())
	_, err := io.WriteString(to, "what is stored")
	return err
}

func (w *world) erase(_ context.Context, nik sesuai.NIK) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erased = append(w.erased, nik.Reveal())
	return nil
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// enrol adds an operator by the pages.
func (w *world) enrol(t testing.TB, name string, role operator.Role) {
	t.Helper()
	_, invitation, err := w.operators.Add(t.Context(), name, role)
	if err != nil {
		t.Fatal(err)
	}
	fields := url.Values{"name": {name}, "invitation": {invitation.Reveal()}}
	answer := w.browser().post("/enrol", fields)
	key := regexp.MustCompile(`<code>([A-Z2-7]{32})</code>`).FindStringSubmatch(answer.text)
	if answer.status != 200 || key == nil {
		t.Fatalf("an invitation: %d %s", answer.status, answer.text)
	}
	w.secrets[name] = key[1]
	fields.Set("password", password)
	fields.Set("again", password)
	fields.Set("code", w.code(t, name))
	if answer := w.browser().post("/enrol/password", fields); answer.status != 200 {
		t.Fatalf("a password: %d %s", answer.status, answer.text)
	}
	w.pass(time.Minute)
}

func (w *world) code(t testing.TB, name string) string {
	t.Helper()
	code, err := totp.GenerateCode(w.secrets[name], w.now)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// browser is who uses the console from an address. It keeps the cookie.
type browser struct {
	w      *world
	cookie string
	// ticket is what it keeps until a passkey has signed.
	ticket string
	// oidc is what it keeps until a provider sends it back.
	oidc string
	// token is that of the last page that had one.
	token string
	from  netip.Addr
	host  string
	// header has further headers of each request.
	header http.Header
}

func (w *world) browser() *browser {
	return &browser{w: w, from: netip.MustParseAddr("192.0.2.1"), host: "localhost:8081"}
}

// signIn signs an operator in.
func (w *world) signIn(t testing.TB, name string) *browser {
	t.Helper()
	w.pass(time.Minute)
	b := w.browser()
	answer := b.post("/signin", w.fields(t, name))
	if answer.status != http.StatusSeeOther || b.cookie == "" {
		t.Fatalf("%s signs in: %d %s", name, answer.status, answer.text)
	}
	if page := b.get("/verifications"); page.status != 200 || b.token == "" {
		t.Fatalf("the first page: %d", page.status)
	}
	return b
}

// fields are those with which an operator signs in.
func (w *world) fields(t testing.TB, name string) url.Values {
	return url.Values{"name": {name}, "password": {password}, "code": {w.code(t, name)}}
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	text   string
}

var (
	tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)
	cookieText = regexp.MustCompile(`^__Host-(session|ticket|oidc)=([^;]*); Path=/; Max-Age=[0-9]+; HttpOnly; Secure; SameSite=(Strict|Lax)$`)
)

func (b *browser) get(path string) answer { return b.send("GET", path, nil) }

// post sends a form with the token of the last page.
func (b *browser) post(path string, fields url.Values) answer {
	sent := url.Values{"token": {b.token}}
	for name, values := range fields {
		sent[name] = values
	}
	return b.send("POST", path, sent)
}

func (b *browser) send(method, path string, fields url.Values) answer {
	return b.sendBody(method, path, "application/x-www-form-urlencoded", strings.NewReader(fields.Encode()))
}

// sendBody sends a request with a body of that type, if it is a POST.
func (b *browser) sendBody(method, path, contentType string, body io.Reader) answer {
	r := httptest.NewRequest(method, origin+path, body)
	r.Host = b.host
	r.RemoteAddr = netip.AddrPortFrom(b.from, 1234).String()
	if method == http.MethodPost {
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if b.cookie != "" {
		r.Header.Add("Cookie", "__Host-session="+b.cookie)
	}
	if b.ticket != "" {
		r.Header.Add("Cookie", "__Host-ticket="+b.ticket)
	}
	if b.oidc != "" {
		r.Header.Add("Cookie", "__Host-oidc="+b.oidc)
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	recorded := httptest.NewRecorder()
	b.w.ServeHTTP(recorded, r)
	a := answer{recorded.Code, recorded.Header(), recorded.Body.String()}
	if m := tokenField.FindStringSubmatch(a.text); m != nil {
		b.token = m[1]
	}
	for _, cookie := range a.header.Values("Set-Cookie") {
		switch m := cookieText.FindStringSubmatch(cookie); {
		case m == nil, (m[1] == "oidc") != (m[3] == "Lax"):
			panic(fmt.Sprintf("a cookie %q", cookie))
		case m[1] == "session":
			b.cookie = m[2]
		case m[1] == "oidc":
			b.oidc = m[2]
		default:
			b.ticket = m[2]
		}
	}
	return a
}
