package approval_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai/internal/approval"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var engines = sqltest.New(audit.Migrations, operator.Migrations, approval.Migrations)

const nik = "9999000000000001"

// act is the parameters of the kind "erase".
type act struct {
	NIK string `json:"nik"`
	// Long makes the row longer than a decision does.
	Long string `json:"long"`
}

// world is two nodes of one database, with three operators.
type world struct {
	nodes      [2]*approval.Store
	db         sqltest.Database
	trail      *audit.Trail
	operators  *operator.Store
	sari, budi operator.Operator // admins
	rini       operator.Operator // an auditor

	mu      sync.Mutex
	later   time.Duration
	alerts  int
	carried []string
	// carry is what carrying out does besides; nil for nothing.
	carry func() error
}

func open(t *testing.T, d sqltest.Database) *world {
	t.Helper()
	w := &world{db: d}
	hash, chain, secret, own := keyring.NewSecret(), keyring.NewSecret(), keyring.NewSecret(), keyring.NewSecret()
	for i := range w.nodes {
		db := d.Open(t)
		trail, err := audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: hash, Chain: chain, Actor: "root"})
		if err != nil {
			t.Fatal(err)
		}
		audittest.Start(t, db, trail)
		w.trail, w.operators = trail, operator.NewStore(operator.Options{DB: db, Trail: trail, Secret: secret})
		w.nodes[i] = approval.NewStore(approval.Options{
			DB: db, Trail: trail, Operators: w.operators, Secret: own,
			Alert: func(string) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.alerts++
			},
			Now: func() time.Time {
				w.mu.Lock()
				defer w.mu.Unlock()
				return time.Now().Add(w.later)
			},
		})
		w.nodes[i].Register(approval.Kind{
			Name: "erase",
			Describe: func([]byte) (approval.Text, error) {
				return approval.Text{English: "erase a person", Indonesian: "hapus"}, nil
			},
			CarryOut: func(_ context.Context, parameters []byte) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.carried = append(w.carried, string(parameters))
				if w.carry != nil {
					return w.carry()
				}
				return nil
			},
		})
	}
	w.sari, w.budi, w.rini = w.add(t, "sari", operator.Admin), w.add(t, "budi", operator.Admin), w.add(t, "rini", operator.Auditor)
	return w
}

func (w *world) add(t *testing.T, name string, r operator.Role) operator.Operator {
	t.Helper()
	o, _, err := w.operators.Add(t.Context(), name, r)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// propose has sari propose an act.
func (w *world) propose(t *testing.T) approval.Proposal {
	t.Helper()
	p, err := w.nodes[0].Propose(t.Context(), w.sari, "erase", act{nik, strings.Repeat("x", 200)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// assert: deciding returned an error, a proposal is in a state, and so many acts were
// carried out.
func (w *world) assert(t *testing.T, p approval.Proposal, got, want error, s approval.State, carried int) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("deciding: %v, want %v", got, want)
	}
	for i, node := range w.nodes {
		all, err := node.List(t.Context())
		at := slices.IndexFunc(all, func(one approval.Proposal) bool { return one.ID == p.ID })
		if err != nil || at < 0 || all[at].State != s || all[at].Description.English != "erase a person" {
			t.Errorf("node %d has %v: %v; want the state %s", i, all, err, s)
		}
	}
	if len(w.carried) != carried {
		t.Errorf("%d acts were carried out, want %d", len(w.carried), carried)
	}
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) { f(t, open(t, d)) })
}

// TestApprove: another admin has it carried out once, with what was proposed; each step is
// an event of its operator's; nothing personal is stored in plain, or after the decision.
func TestApprove(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.propose(t)
		var sealed []byte
		read := func() []byte {
			w.db.QueryRow(t, `SELECT sealed FROM approvals`, &sealed)
			return sealed
		}
		before := len(read())
		if bytes.Contains(sealed, []byte(nik)) {
			t.Error("the NIK is stored in plain")
		}
		w.assert(t, p, w.nodes[1].Approve(t.Context(), w.sari, p.ID), approval.ErrOwn, approval.Proposed, 0)
		w.assert(t, p, w.nodes[1].Approve(t.Context(), w.rini, p.ID), approval.ErrNotAdmin, approval.Proposed, 0)
		w.assert(t, p, w.nodes[1].Approve(t.Context(), w.budi, "apr_none"), approval.ErrNone, approval.Proposed, 0)
		w.assert(t, p, w.nodes[1].Approve(t.Context(), w.budi, p.ID), nil, approval.Done, 1)
		w.assert(t, p, w.nodes[0].Approve(t.Context(), w.budi, p.ID), approval.ErrDecided, approval.Done, 1)
		w.assert(t, p, w.nodes[0].Refuse(t.Context(), w.budi, p.ID), approval.ErrDecided, approval.Done, 1)
		var got act
		if err := json.Unmarshal([]byte(w.carried[0]), &got); err != nil || got.NIK != nik {
			t.Errorf("carried out with %s: %v", w.carried[0], err)
		}
		if after := len(read()); after >= before {
			t.Errorf("the row has %d bytes, and %d after the decision: the parameters are kept", before, after)
		}
		events, err := w.trail.Events(t.Context(), audit.Filter{Client: p.ID, Limit: 10})
		var steps []string
		for _, e := range events {
			steps = append(steps, string(e.Action)+" "+e.Actor)
		}
		if want := []string{"approval.done operator:budi", "approval.approve operator:budi", "approval.propose operator:sari"}; err != nil || !slices.Equal(steps, want) {
			t.Errorf("events %v: %v", steps, err)
		}
		if w.alerts > 0 {
			t.Error("an alert")
		}
	})
}

// TestRefuse: a proposal that was refused or cancelled is not carried out.
func TestRefuse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, by := range []operator.Operator{w.budi, w.sari} {
			p := w.propose(t)
			w.assert(t, p, w.nodes[0].Refuse(t.Context(), w.rini, p.ID), approval.ErrNotAdmin, approval.Proposed, 0)
			w.assert(t, p, w.nodes[0].Refuse(t.Context(), by, p.ID), nil, approval.Refused, 0)
			w.assert(t, p, w.nodes[1].Approve(t.Context(), w.budi, p.ID), approval.ErrDecided, approval.Refused, 0)
		}
	})
}

// TestMeanwhile: time that has passed, an operator that is admin no more, and a state that
// has changed keep an act from being carried out.
func TestMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		disable := func(name string, disabled bool) {
			if _, err := w.operators.SetDisabled(t.Context(), name, disabled); err != nil {
				t.Fatal(err)
			}
		}
		p := w.propose(t)
		disable("budi", true)
		w.assert(t, p, w.nodes[0].Approve(t.Context(), w.budi, p.ID), approval.ErrNotAdmin, approval.Proposed, 0)
		disable("budi", false)
		disable("sari", true)
		w.assert(t, p, w.nodes[0].Approve(t.Context(), w.budi, p.ID), approval.ErrVoid, approval.Void, 0)
		if _, err := w.nodes[0].Propose(t.Context(), w.sari, "erase", act{nik, strings.Repeat("x", 200)}); !errors.Is(err, approval.ErrNotAdmin) {
			t.Errorf("a disabled operator proposes: %v", err)
		}
		disable("sari", false)
		w.carry = func() error { return approval.ErrChanged }
		w.assert(t, p, w.nodes[0].Approve(t.Context(), w.budi, p.ID), approval.ErrChanged, approval.Changed, 1)
		broken := errors.New("broken")
		w.carry = func() error { return broken }
		p = w.propose(t)
		w.assert(t, p, w.nodes[0].Approve(t.Context(), w.budi, p.ID), broken, approval.Failed, 2)

		p = w.propose(t)
		if _, err := w.operators.Remove(t.Context(), "sari"); err != nil {
			t.Fatal(err)
		}
		again := w.add(t, "sari", operator.Admin) // another operator of that name
		w.assert(t, p, w.nodes[0].Approve(t.Context(), w.budi, p.ID), approval.ErrVoid, approval.Void, 2)
		w.sari = again
		p = w.propose(t)
		w.later = approval.ValidFor + time.Second
		w.assert(t, p, w.nodes[0].Approve(t.Context(), w.budi, p.ID), approval.ErrEnded, approval.Ended, 2)
	})
}

// TestAtOnce: of many who approve and refuse at once, on two nodes, one decides.
func TestAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		third := w.add(t, "tono", operator.Admin)
		p := w.propose(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		accepted := 0
		for i := range 8 {
			wg.Go(func() {
				err := w.nodes[i%2].Approve(t.Context(), []operator.Operator{w.budi, third}[i/2%2], p.ID)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					accepted++
				} else if !errors.Is(err, approval.ErrDecided) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if accepted != 1 {
			t.Errorf("%d have approved", accepted)
		}
		w.assert(t, p, nil, nil, approval.Done, 1)
		if w.alerts > 0 {
			t.Error("an alert about a race")
		}
	})
}

// TestKilled: an act whose process was killed after it was approved is not carried out
// again, and the page says that it is not known.
func TestKilled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.propose(t)
		w.carry = func() error {
			runtime.Goexit() // nothing after this runs, as in a process that was killed
			return nil
		}
		var wg sync.WaitGroup
		wg.Go(func() { _ = w.nodes[0].Approve(t.Context(), w.budi, p.ID) })
		wg.Wait()
		w.carry = nil
		w.assert(t, p, w.nodes[1].Approve(t.Context(), w.budi, p.ID), approval.ErrDecided, approval.Approved, 1)
	})
}

// TestAltered: who writes to the database can neither change a proposal, nor make one of
// another, nor have one carried out again by putting back its row.
func TestAltered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, second := w.propose(t), w.propose(t)
		exec := func(query string, args ...any) { w.db.Exec(t, query, args...) }
		var sealed []byte
		w.db.QueryRow(t, `SELECT sealed FROM approvals WHERE id = '`+first.ID+`'`, &sealed)
		refused := func(what, id string) {
			t.Helper()
			before := w.alerts
			if err := w.nodes[0].Approve(t.Context(), w.budi, id); err == nil || w.alerts == before {
				t.Errorf("%s is carried out (%v), or there is no alert", what, err)
			}
		}
		exec(`UPDATE approvals SET sealed = (SELECT sealed FROM approvals WHERE id = $1) WHERE id = $2`, first.ID, second.ID)
		refused("the row of another proposal", second.ID)
		exec(`UPDATE approvals SET id = 'apr_new' WHERE id = $1`, second.ID)
		refused("a row under another id", "apr_new")
		exec(`DELETE FROM approvals WHERE id = 'apr_new'`)
		exec(`UPDATE approvals SET proposed_at = proposed_at + 1 WHERE id = $1`, first.ID)
		refused("a row of another time", first.ID)
		exec(`UPDATE approvals SET proposed_at = proposed_at - 1 WHERE id = $1`, first.ID)
		w.assert(t, first, w.nodes[0].Approve(t.Context(), w.budi, first.ID), nil, approval.Done, 1)
		exec(`UPDATE approvals SET sealed = $1 WHERE id = $2`, sealed, first.ID)
		refused("a row from before the decision", first.ID)
		if len(w.carried) != 1 {
			t.Errorf("%d acts were carried out", len(w.carried))
		}
	})
}

// TestSweep: what was proposed is removed once it has ended, and the proposal after 30 days.
func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.propose(t)
		size := func() (bytes int) {
			w.db.QueryRow(t, `SELECT coalesce(sum(length(sealed)), 0) FROM approvals`, &bytes)
			return bytes
		}
		sweep := func(later time.Duration) {
			t.Helper()
			w.later = later
			if err := w.nodes[1].Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		before := size()
		sweep(approval.ValidFor - time.Minute)
		if size() != before {
			t.Error("what waits was changed")
		}
		w.db.Exec(t, `INSERT INTO approvals (id, proposed_at, sealed) SELECT 'apr_forged', proposed_at, sealed FROM approvals`)
		sweep(approval.ValidFor + time.Minute)
		w.db.Exec(t, `DELETE FROM approvals WHERE id = 'apr_forged'`)
		w.assert(t, p, nil, nil, approval.Ended, 0)
		if size() >= before {
			t.Error("the parameters are kept")
		}
		sweep(approval.KeptFor + time.Minute)
		if size() > 0 {
			t.Error("the proposal is kept")
		}
	})
}
