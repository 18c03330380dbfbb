package audit_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// tamperings is the number of random changes, AUDIT_TAMPERINGS of them, and rewritings
// that of rewritten tails.
func tamperings(t *testing.T) (tamperings, rewritings int) {
	t.Helper()
	text := os.Getenv("AUDIT_TAMPERINGS")
	if text == "" {
		return 40, 5
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n, 20
}

// tampered is a trail that somebody changes who has the database but not the keys.
type tampered struct {
	trail
	rng *rand.Rand
	n   int64 // events
	// heads are the rows of the head after each event, which somebody may have kept.
	heads []recordedRow
	// kept is a checkpoint of the last event, which is kept elsewhere.
	kept       []audit.Head
	nik, chain *keyring.Secret
}

// recordedRow is a row of audit_head.
type recordedRow struct {
	seq                        int64
	hash, people, clients, mac []byte
}

// newTampered returns a trail of events of all kinds, and keeps a copy of its tables.
func newTampered(t *testing.T, d sqltest.Database, rng *rand.Rand) *tampered {
	t.Helper()
	nik, chain := keyring.NewSecret(), keyring.NewSecret()
	l := &tampered{trail: openTrail(t, d, nik, chain), rng: rng, nik: nik, chain: chain}
	for i := range 30 {
		switch e := audittest.Event(t, i, fmt.Sprintf("request-%d", i)); i % 3 {
		case 0:
			l.record(t, e)
		case 1:
			e.Flags, e.LivenessKnown, e.Liveness, e.Reference = 3, true, 0.125, "reference"
			e.Endpoint = audit.DataVerification
			l.record(t, e)
		default:
			l.change(t, audit.Change{Action: audit.ClientChanged, Client: "cli_a", Count: int64(i), Before: []byte{byte(i)}, State: [32]byte{byte(i)}})
		}
		l.n++
		var r recordedRow
		err := l.db.Read().QueryRowContext(t.Context(), `SELECT seq, hash, people, clients, mac FROM audit_head`).Scan(&r.seq, &r.hash, &r.people, &r.clients, &r.mac)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []*[]byte{&r.people, &r.clients} {
			if *b == nil {
				*b = []byte{}
			}
		}
		l.heads = append(l.heads, r)
	}
	head, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.kept = []audit.Head{head}
	l.exec(t, `CREATE TABLE kept_events AS SELECT * FROM audit_events; CREATE TABLE kept_head AS SELECT * FROM audit_head`)
	return l
}

// restore puts the tables back.
func (l *tampered) restore(t *testing.T) {
	t.Helper()
	l.exec(t, `DELETE FROM audit_events; INSERT INTO audit_events SELECT * FROM kept_events;
		DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept_head`)
}

// run runs statements in one transaction, on either engine.
func (l *tampered) run(t *testing.T, f func(exec func(query string, args ...any))) {
	t.Helper()
	err := l.db.InTx(t.Context(), func(tx *sqldb.Tx) (err error) {
		f(func(query string, args ...any) {
			if err == nil {
				if _, err = tx.ExecContext(t.Context(), query, args...); err != nil {
					err = fmt.Errorf("%s: %w", query, err)
				}
			}
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// seq returns the number of a random event.
func (l *tampered) seq() int64 { return 1 + l.rng.Int64N(l.n) }

// columns are the columns of audit_events.
func columns(t *testing.T, l *tampered) []string {
	t.Helper()
	rows, err := l.db.Read().QueryContext(t.Context(), `SELECT * FROM audit_events LIMIT 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// mutate returns another value of the same type.
func mutate(rng *rand.Rand, value any) any {
	switch v := value.(type) {
	case int64:
		return v + 1 + rng.Int64N(3)
	case float64:
		return math.Nextafter(v, 2)
	case string:
		if v == "" || rng.IntN(2) == 0 {
			return v + "x"
		}
		return v[:len(v)-1]
	case []byte:
		b := slices.Clone(v)
		if len(b) == 0 {
			b = make([]byte, 32)
		}
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		return b
	default:
		panic(fmt.Sprintf("a column of type %T", value))
	}
}

// edit changes one column of one event.
func (l *tampered) edit(t *testing.T) (what string, broken int64) {
	seq := l.seq()
	all := columns(t, l)
	column := all[l.rng.IntN(len(all))]
	var value any
	if err := l.db.Read().QueryRowContext(t.Context(), `SELECT `+column+` FROM audit_events WHERE seq = $1`, seq).Scan(&value); err != nil {
		t.Fatal(err)
	}
	if column == "seq" {
		value = l.n + l.rng.Int64N(5)
	}
	l.run(t, func(exec func(string, ...any)) {
		exec(`UPDATE audit_events SET `+column+` = $1 WHERE seq = $2`, mutate(l.rng, value), seq)
	})
	return "edit of " + column, seq
}

// remove removes one to three events.
func (l *tampered) remove(t *testing.T) (what string, broken int64) {
	seq := l.seq()
	l.run(t, func(exec func(string, ...any)) {
		exec(`DELETE FROM audit_events WHERE seq >= $1 AND seq <= $2`, seq, seq+l.rng.Int64N(3))
	})
	return "removal", seq
}

// swap swaps two events.
func (l *tampered) swap(t *testing.T) (what string, broken int64) {
	a := l.seq()
	b := l.seq()
	for a == b {
		b = l.seq()
	}
	l.run(t, func(exec func(string, ...any)) {
		exec(`UPDATE audit_events SET seq = -1 WHERE seq = $1`, a)
		exec(`UPDATE audit_events SET seq = $1 WHERE seq = $2`, a, b)
		exec(`UPDATE audit_events SET seq = $1 WHERE seq = -1`, b)
	})
	return "swap", min(a, b)
}

// insert inserts a copy of an event: in front of another one or at the end, and adapts
// the numbers or not.
func (l *tampered) insert(t *testing.T) (what string, broken int64) {
	seq, from := 1+l.rng.Int64N(l.n+1), l.seq()
	list := strings.Join(slices.DeleteFunc(columns(t, l), func(c string) bool { return c == "seq" }), ", ")
	head := l.rng.IntN(2) == 0
	l.run(t, func(exec func(string, ...any)) {
		exec(`UPDATE audit_events SET seq = -seq - 1 WHERE seq >= $1`, seq)
		exec(`UPDATE audit_events SET seq = -seq WHERE seq < 0`)
		exec(`INSERT INTO audit_events (seq, `+list+`) SELECT CAST($1 AS BIGINT), `+list+` FROM kept_events WHERE seq = $2`, seq, from)
		if head {
			exec(`UPDATE audit_head SET seq = seq + 1`)
		}
	})
	// A copy that is just behind its original, or in place of it, is as it was; the
	// next one is not.
	if seq == from {
		seq++
	}
	return "insertion", seq
}

// truncate removes the last events; the head stays, or is that of the remaining events:
// the very row that was recorded with the last of them.
func (l *tampered) truncate(t *testing.T) (what string, broken int64) {
	seq := 1 + l.rng.Int64N(l.n-1)
	what = "truncation"
	l.run(t, func(exec func(string, ...any)) {
		exec(`DELETE FROM audit_events WHERE seq > $1`, seq)
		switch h := l.heads[seq-1]; l.rng.IntN(3) {
		case 0:
			exec(`UPDATE audit_head SET seq = $1, hash = $2, people = $3, clients = $4, mac = $5`, h.seq, h.hash, h.people, h.clients, h.mac)
			what = "truncation with the head of then"
		case 1:
			exec(`UPDATE audit_head SET seq = $1, hash = $2`, h.seq, h.hash)
			what = "truncation with a head of its own"
		}
	})
	return what, seq + 1
}

// assertFound reports an error if a new process does not find the trail broken at that
// event, by the trail itself or by the checkpoint that was kept elsewhere.
func (l *tampered) assertFound(t *testing.T, what string, broken int64) {
	t.Helper()
	opened, err := audit.NewTrail(t.Context(), audit.Options{DB: l.db, NIK: l.nik, Chain: l.chain})
	if err != nil {
		t.Fatal(err)
	}
	_, err = opened.Verify(t.Context())
	if what == "truncation with the head of then" {
		if err != nil {
			t.Errorf("%s: without the checkpoint: %v", what, err)
		}
		err = opened.CompareCheckpoints(t.Context(), l.kept)
	}
	if found, ok := errors.AsType[*audit.BrokenError](err); ok && what == "truncation with a head of its own" && found.Seq < broken {
		return // what is found is that the head was changed
	}
	assertBrokenAt(t, what, err, broken)
}

// TestRandomTampering: each random change of the stored events is found, and so is which
// event is the first that is not as it was recorded. AUDIT_TAMPERINGS is their number.
func TestRandomTampering(t *testing.T) {
	n, _ := tamperings(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		seed := rand.Uint64()
		t.Logf("the seed is %d", seed)
		l := newTampered(t, d, rand.New(rand.NewPCG(seed, 0)))
		counts := make(map[string]int)
		for i := range n {
			change := []func(*testing.T) (string, int64){l.edit, l.remove, l.swap, l.insert, l.truncate}[i%5]
			what, broken := change(t)
			l.assertFound(t, what, broken)
			kind, _, _ := strings.Cut(what, " of ")
			counts[kind]++
			l.restore(t)
		}
		l.assertLength(t, int(l.n))
		t.Logf("found: %v", counts)
	})
}

// TestRewrittenTail: somebody who has the database but not the keys changes an event and
// makes all hashes from there on again, with a key of their own.
func TestRewrittenTail(t *testing.T) {
	_, n := tamperings(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := newTampered(t, d, rand.New(rand.NewPCG(rand.Uint64(), 0)))
		all, err := l.Events(t.Context(), audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(all)
		for range n {
			seq, key := l.seq(), keyring.NewSecret()
			head := audit.Head{Seq: seq - 1}
			if seq > 1 {
				head.Hash = all[seq-2].Hash
			}
			l.run(t, func(exec func(string, ...any)) {
				for _, e := range slices.Clone(all[seq-1:]) {
					if e.Seq == seq {
						e.Result, e.Reason = audit.Verified, "forged"
					}
					head = head.Link(&e, key.Hash)
					exec(`UPDATE audit_events SET result = $1, reason = $2, hash = $3 WHERE seq = $4`, string(e.Result), e.Reason, e.Hash[:], e.Seq)
				}
				mac := key.Hash(head.Hash[:])
				exec(`UPDATE audit_head SET hash = $1, mac = $2`, head.Hash[:], mac[:])
			})
			l.assertFound(t, "rewritten tail", seq)
			l.restore(t)
		}
	})
}

// TestRewrittenWithKeys: whoever has the keys of the database as well can make a whole
// trail in which nothing shows, but none to which an earlier checkpoint belongs.
func TestRewrittenWithKeys(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nik, chain := keyring.NewSecret(), keyring.NewSecret()
		original := openTrail(t, d, nik, chain)
		var kept []audit.Head
		events := daily(t, 10)
		for i, e := range events {
			original.record(t, e)
			if i%4 == 3 {
				head, err := original.Head(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, head)
			}
		}
		if err := original.CompareCheckpoints(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		events[5].Result = audit.Verified
		rewritten := openTrail(t, engines.New(t, d.Engine), nik, chain)
		rewritten.record(t, events...)
		rewritten.assertLength(t, 10)
		assertBrokenAt(t, "an event changed", rewritten.CompareCheckpoints(t.Context(), kept), 8)
		if err := rewritten.CompareCheckpoints(t.Context(), kept[:1]); err != nil {
			t.Errorf("by a checkpoint of before: %v", err)
		}
	})
}
