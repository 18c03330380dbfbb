package operator_test

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var engines = sqltest.New(audit.Migrations, operator.Migrations)

const password = "correct horse battery"

// world is the nodes of one database, with one clock.
type world struct {
	*operator.Store // of the first node
	other           *operator.Store
	db              *sqldb.DB
	trail           *audit.Trail
	alerts          []string

	mu  sync.Mutex
	now time.Time
}

// open returns two nodes of a database.
func open(t *testing.T, d sqltest.Database) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)}
	nik, chain, secret := keyring.NewSecret(), keyring.NewSecret(), keyring.NewSecret()
	node := func() *operator.Store {
		w.db = d.Open(t)
		var err error
		if w.trail, err = audit.NewTrail(t.Context(), audit.Options{DB: w.db, NIK: nik, Chain: chain, Actor: "root"}); err != nil {
			t.Fatal(err)
		}
		audittest.Start(t, w.db, w.trail)
		return operator.NewStore(operator.Options{
			DB: w.db, Trail: w.trail, Secret: secret, Cost: operator.Cost{Time: 1, Memory: 64, Threads: 1},
			Alert: func(table string) { w.alerts = append(w.alerts, table) },
			Now: func() time.Time {
				w.mu.Lock()
				defer w.mu.Unlock()
				return w.now
			},
		})
	}
	w.other = node()
	w.Store = node()
	return w
}

// pass moves the clock.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// person is an operator who has an authenticator.
type person struct {
	w      *world
	name   string
	secret string
	from   netip.Addr
}

// add adds an operator, who enrols.
func (w *world) add(t *testing.T, name string, r operator.Role) *person {
	t.Helper()
	_, invitation, err := w.Add(t.Context(), name, r)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{w: w, name: name, from: netip.MustParseAddr("192.0.2.1")}
	if err := p.enrol(t, invitation.Reveal()); err != nil {
		t.Fatal(err)
	}
	return p
}

// enrol reads the key by an invitation, and uses it. The period of the code has ended
// afterwards.
func (p *person) enrol(t *testing.T, invitation string) error {
	t.Helper()
	a := operator.Attempt{From: p.from, Name: p.name, Invitation: invitation, Password: password}
	key, err := p.w.AuthenticatorKey(t.Context(), a)
	if err != nil {
		return err
	}
	p.secret = key.Secret()
	a.Code = p.code(t)
	if err := p.w.Enrol(t.Context(), a); err != nil {
		return err
	}
	p.w.pass(time.Minute)
	return nil
}

func (p *person) code(t *testing.T) string {
	t.Helper()
	code, err := totp.GenerateCode(p.secret, p.w.now)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// attempt is what the person gives to sign in.
func (p *person) attempt(t *testing.T) operator.Attempt {
	return operator.Attempt{From: p.from, Name: p.name, Password: password, Code: p.code(t)}
}

// signIn signs the person in.
func (p *person) signIn(t *testing.T) string {
	t.Helper()
	id, _, err := p.w.SignIn(t.Context(), p.attempt(t))
	if err != nil {
		t.Fatal(err)
	}
	return id.Reveal()
}

// active reports whether a session has not ended, which both nodes must agree about.
func (w *world) active(t *testing.T, id string) bool {
	t.Helper()
	_, first, err := w.Session(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := w.other.Session(t.Context(), id)
	if err != nil || first != second {
		t.Fatalf("one node says %t, the other one %t, %v", first, second, err)
	}
	return first
}

// events are the actions of the trail with their actors, the first one first.
func (w *world) events(t *testing.T) (all []string) {
	t.Helper()
	events, err := w.trail.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(events) {
		text := string(e.Action) + " by " + e.Actor
		if e.Client == "" {
			text += ", of nobody"
		}
		all = append(all, text)
	}
	return all
}

// TestLife: an operator is invited, enrols once, signs in with a code that is accepted
// once, and each step is an event. The chain holds.
func TestLife(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := open(t, d)
		budi := w.add(t, "budi", operator.Auditor)
		a := budi.attempt(t)
		id, o, err := w.SignIn(t.Context(), a)
		if err != nil || o.Name != "budi" || o.Role != operator.Auditor || !o.Enrolled || !o.InvitedUntil.IsZero() {
			t.Fatalf("signed in as %+v, %v", o, err)
		}
		if _, _, err := w.other.SignIn(t.Context(), a); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
			t.Errorf("a code is accepted again: %v", err)
		}
		if !w.active(t, id.Reveal()) || w.active(t, "another") {
			t.Error("the session is not that which was made")
		}
		if err := w.SignOut(t.Context(), id.Reveal(), o); err != nil || w.active(t, id.Reveal()) {
			t.Errorf("after signing out the session is active, or %v", err)
		}
		if found, err := w.Remove(t.Context(), "budi"); !found || err != nil {
			t.Errorf("removed %t, %v", found, err)
		}
		if _, _, err := w.SignIn(t.Context(), budi.attempt(t)); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
			t.Errorf("who was removed signs in: %v", err)
		}
		want := []string{
			"operator.add by root", "operator.enrol by operator:budi", "operator.signin by operator:budi", "operator.refused by operator?",
			"operator.signout by operator:budi", "operator.remove by root", "operator.refused by operator?, of nobody",
		}
		if got := w.events(t); !slices.Equal(got, want) {
			t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if _, err := w.trail.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestRefused: whatever is wrong, the answer is the same.
func TestRefused(t *testing.T) {
	w := open(t, engines.SQLite(t))
	budi := w.add(t, "budi", operator.Admin)
	_, invitation, err := w.Add(t.Context(), "sari", operator.Admin)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*operator.Attempt){
		"name":           func(a *operator.Attempt) { a.Name = "nobody" },
		"password":       func(a *operator.Attempt) { a.Password += "." },
		"a long one":     func(a *operator.Attempt) { a.Password = strings.Repeat(password, 100) },
		"no password":    func(a *operator.Attempt) { a.Password = "" },
		"code":           func(a *operator.Attempt) { a.Code = "000000" },
		"no code":        func(a *operator.Attempt) { a.Code = "" },
		"who is invited": func(a *operator.Attempt) { a.Name, a.Password = "sari", "" },
	} {
		w.pass(2 * time.Hour) // nobody has to wait
		a := budi.attempt(t)
		change(&a)
		_, _, err := w.SignIn(t.Context(), a)
		if sesuai.KindOf(err) != sesuai.KindUnauthenticated || err.Error() != string(sesuai.KindUnauthenticated) {
			t.Errorf("wrong %s: %v", what, err)
		}
	}
	w.pass(2 * time.Hour)
	if id, _, err := w.SignIn(t.Context(), budi.attempt(t)); err != nil || !w.active(t, id.Reveal()) {
		t.Errorf("the right attempt: %v", err)
	}

	// An invitation is for one operator, for some time, and once.
	sari := &person{w: w, name: "sari", from: budi.from}
	if err := sari.enrol(t, "inv_another"); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
		t.Errorf("another invitation: %v", err)
	}
	w.pass(operator.InvitedFor)
	if err := sari.enrol(t, invitation.Reveal()); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
		t.Errorf("an invitation that has ended: %v", err)
	}
	_, invitation, _, err = w.Reset(t.Context(), "sari")
	if err != nil {
		t.Fatal(err)
	}
	if err := sari.enrol(t, invitation.Reveal()); err != nil {
		t.Errorf("the new invitation: %v", err)
	}
	if err := sari.enrol(t, invitation.Reveal()); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
		t.Errorf("the invitation once more: %v", err)
	}
	for _, short := range []string{"", "short", "eleven char", "i am SARI, see", strings.Repeat("x", 257)} {
		a := operator.Attempt{Name: "sari", Invitation: invitation.Reveal(), Password: short}
		if err := w.Enrol(t.Context(), a); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("password %q: %v", short, err)
		}
	}
}

// TestSessionsEnd: a session ends by time, and on all nodes when its operator is disabled,
// reset or removed.
func TestSessionsEnd(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := open(t, d)
		budi := w.add(t, "budi", operator.Admin)
		id := budi.signIn(t)
		for range 3 {
			w.pass(operator.IdleTimeout - time.Minute)
			if !w.active(t, id) {
				t.Fatal("a session in use has ended")
			}
		}
		w.pass(operator.IdleTimeout)
		if w.active(t, id) {
			t.Error("an idle session goes on")
		}
		id = budi.signIn(t)
		for range operator.MaxAge / (10 * time.Minute) {
			w.pass(10 * time.Minute)
			if _, _, err := w.Session(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		if w.active(t, id) {
			t.Error("a session in use goes on for ever")
		}
		id = budi.signIn(t)
		set := func(disabled bool) {
			t.Helper()
			if found, err := w.other.SetDisabled(t.Context(), "budi", disabled); !found || err != nil {
				t.Fatal(found, err)
			}
		}
		set(true)
		if w.active(t, id) {
			t.Error("who is disabled has a session")
		}
		w.pass(time.Minute)
		if _, _, err := w.SignIn(t.Context(), budi.attempt(t)); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
			t.Errorf("who is disabled signs in: %v", err)
		}
		set(false)
		if w.active(t, id) {
			t.Error("the session of who was disabled is back")
		}
		w.pass(time.Minute)
		id = budi.signIn(t)
		if _, _, found, err := w.other.Reset(t.Context(), "budi"); !found || err != nil {
			t.Fatal(found, err)
		}
		if w.active(t, id) {
			t.Error("who is reset has a session")
		}
		w.pass(time.Minute)
		if _, _, err := w.SignIn(t.Context(), budi.attempt(t)); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
			t.Errorf("who is reset signs in: %v", err)
		}
	})
}

// TestGuessing: an operator has to wait for longer and longer, on all nodes and whatever
// the address is, and a right attempt does not help meanwhile.
func TestGuessing(t *testing.T) {
	w := open(t, engines.SQLite(t))
	budi := w.add(t, "budi", operator.Admin)
	wrong := func(from int) error {
		a := budi.attempt(t)
		a.Code, a.From = "000000", netip.AddrFrom4([4]byte{10, 0, 0, byte(from)})
		_, _, err := []*operator.Store{w.Store, w.other}[from%2].SignIn(t.Context(), a)
		return err
	}
	var guesses int
	for day := w.now.Add(24 * time.Hour); w.now.Before(day); {
		switch err := wrong(guesses); sesuai.KindOf(err) {
		case sesuai.KindUnauthenticated:
			guesses++
		case sesuai.KindRateLimited:
			right := budi.attempt(t)
			right.From = netip.MustParseAddr("198.51.100.1")
			if _, _, err := w.SignIn(t.Context(), right); sesuai.KindOf(err) != sesuai.KindRateLimited {
				t.Fatalf("a right attempt after %d wrong ones: %v", guesses, err)
			}
			wait := err.(*sesuai.Error).RetryAfter
			if wait <= 0 || wait > time.Hour {
				t.Fatalf("to wait %s", wait)
			}
			w.pass(wait)
		default:
			t.Fatal(err)
		}
	}
	if guesses < 30 || guesses > 45 {
		t.Errorf("%d guesses in a day", guesses)
	}
	w.pass(time.Hour)
	budi.signIn(t)
	if err := wrong(1); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
		t.Errorf("failures from before a sign-in count: %v", err)
	}
}

// TestSpraying: an address that tries one password with many names has to wait, and
// others do not.
func TestSpraying(t *testing.T) {
	w := open(t, engines.SQLite(t))
	budi := w.add(t, "budi", operator.Admin)
	tried := 0
	for ; tried < 1000; tried++ {
		a := operator.Attempt{From: netip.MustParseAddr("203.0.113.9"), Name: "name" + string(rune('a'+tried%26)) + string(rune('a'+tried/26)), Password: password, Code: "123456"}
		if _, _, err := w.SignIn(t.Context(), a); sesuai.KindOf(err) == sesuai.KindRateLimited {
			break
		}
	}
	if tried > 25 {
		t.Errorf("%d names are tried from one address", tried)
	}
	budi.signIn(t)
}

// TestOneCodeOneSession: of attempts with one code at the same time one is accepted.
func TestOneCodeOneSession(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := open(t, d)
		a := w.add(t, "budi", operator.Admin).attempt(t)
		var all sync.WaitGroup
		var mu sync.Mutex
		accepted := 0
		for i := range 4 {
			all.Go(func() {
				if _, _, err := []*operator.Store{w.Store, w.other}[i%2].SignIn(t.Context(), a); err == nil {
					mu.Lock()
					defer mu.Unlock()
					accepted++
				}
			})
		}
		all.Wait()
		if accepted != 1 {
			t.Errorf("%d attempts were accepted", accepted)
		}
	})
}

// TestAltered: who can write to the database makes neither a session nor another role.
func TestAltered(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := open(t, d)
		budi, sari := w.add(t, "budi", operator.Admin), w.add(t, "sari", operator.Support)
		first, second := budi.signIn(t), sari.signIn(t)
		exec := func(query string) {
			t.Helper()
			err := w.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.ExecContext(t.Context(), query)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		exec(`UPDATE operator_sessions SET operator = (SELECT id FROM operators WHERE name = 'budi')`)
		if w.active(t, second) || !w.active(t, first) {
			t.Error("a session was given to another operator")
		}
		exec(`UPDATE operators SET sealed = (SELECT sealed FROM operators WHERE name = 'budi') WHERE name = 'sari'`)
		if _, err := w.List(t.Context()); sesuai.KindOf(err) != sesuai.KindUnavailable || !strings.Contains(err.Error(), `"sari"`) {
			t.Errorf("an operator has the row of another one: %v", err)
		}
		w.pass(time.Minute)
		if _, _, err := w.SignIn(t.Context(), sari.attempt(t)); sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("signed in with an altered row: %v", err)
		}
		if !slices.Contains(w.alerts, "operators") || !slices.Contains(w.alerts, "operator_sessions") {
			t.Errorf("alerts about %v", w.alerts)
		}
		if found, err := w.Remove(t.Context(), "sari"); !found || err != nil {
			t.Errorf("an altered operator cannot be removed: %v", err)
		}
	})
}

// TestMistakes: names and roles that are refused.
func TestMistakes(t *testing.T) {
	w := open(t, engines.SQLite(t))
	for _, name := range []string{"", "Budi", "budi ", ".budi", "budi-", "<b>", "operator:x", strings.Repeat("x", 33)} {
		if _, _, err := w.Add(t.Context(), name, operator.Admin); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if _, _, err := w.Add(t.Context(), "budi", "root"); sesuai.KindOf(err) != sesuai.KindConfiguration {
		t.Errorf("role root: %v", err)
	}
	w.add(t, "budi", operator.Admin)
	if _, _, err := w.Add(t.Context(), "budi", operator.Admin); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("the name once more: %v", err)
	}
	for what, change := range map[string]func() (bool, error){
		"disable": func() (bool, error) { return w.SetDisabled(t.Context(), "nobody", true) },
		"remove":  func() (bool, error) { return w.Remove(t.Context(), "nobody") },
	} {
		if found, err := change(); found || err != nil {
			t.Errorf("%s nobody: %t, %v", what, found, err)
		}
	}
	all, err := w.List(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "budi" || all[0].Disabled {
		t.Errorf("listed %+v, %v", all, err)
	}
}
