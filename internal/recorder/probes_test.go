package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
	"github.com/sesuai/sesuai/test/process"
)

// probesEngines have the tables of people and of answers as well.
var probesEngines = sqltest.New(vault.Migrations, people.Migrations, audit.Migrations, answer.Migrations)

// openProbes opens the vault and the people of a database, with the keys in dir.
func openProbes(t testing.TB, db *sqldb.DB, dir string, unenrolled bool) (*vault.Vault, *people.Registry) {
	t.Helper()
	keys, err := vault.Open(t.Context(), vault.Options{DB: db, OpenRing: func(isNew bool) (*keyring.Ring, error) {
		return keyring.Open(t.Context(), keyring.Options{Path: filepath.Join(dir, keyring.FileName), Create: isNew})
	}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := people.Open(t.Context(), people.Options{DB: db, Vault: keys, Unenrolled: unenrolled})
	if err != nil {
		t.Fatal(err)
	}
	return keys, r
}

// probes is a Recorder that remembers probes and stores answers, with its parts.
type probes struct {
	log
	people  *people.Registry
	vault   *vault.Vault
	answers *answer.Store
}

func openRecorder(t testing.TB, d sqltest.Database, unenrolled bool, change ...func(*recorder.Options)) probes {
	t.Helper()
	db := d.Open(t)
	keys, r := openProbes(t, db, d.Dir, unenrolled)
	trail, err := audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: keys.Secret(keyring.AuditNIK), Chain: keys.Secret(keyring.AuditChain)})
	if err != nil {
		t.Fatal(err)
	}
	audittest.Start(t, db, trail)
	answers, err := answer.NewStore(t.Context(), answer.StoreOptions{
		DB: db, Secret: keys.Secret(keyring.Rows).Derive(keyring.Answers), MaxAge: answer.DefaultMaxAge,
		Now: func() time.Time { return audittest.Event(t, 0, "").Time },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(answers.Close)
	o := recorder.Options{DB: db, Trail: trail, Answers: answers, Probes: r, Vault: keys}
	for _, c := range change {
		c(&o)
	}
	p := probes{log{recorder.New(o), trail, db}, r, keys, answers}
	t.Cleanup(p.Close)
	return p
}

// enrol puts people on record.
func (p probes) enrol(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		if _, err := p.people.Enrol(t.Context(), registrytest.Person(t, i), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProbesConformance(t *testing.T) {
	for about, unenrolled := range map[string]bool{"on record": false, "unenrolled": true} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			if unenrolled { // the statements differ, not what runs at the same time
				process.Slow(t)
			}
			probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
				replaytest.Run(t, func(t *testing.T) replaytest.Recorders {
					d := probesEngines.New(t, d.Engine)
					a, b := openRecorder(t, d, unenrolled), openRecorder(t, d, unenrolled)
					if !unenrolled {
						a.enrol(t, replaytest.People)
					}
					return replaytest.Recorders{a, b}
				})
			})
		})
	}
}

// TestNobody: nothing is remembered about people who are not on record, and their
// events are recorded.
func TestNobody(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		p := openRecorder(t, d, false)
		for i := range 3 {
			replaytest.AssertSeen(t, p, 1, replaytest.Probe(1, fmt.Sprint(i), time.Duration(i)), false)
		}
		if head, err := p.trail.Verify(t.Context()); err != nil || head.Seq != 3 {
			t.Errorf("Verify = %d, %v", head.Seq, err)
		}
	})
}

// TestProbeAndEventAreCommittedTogether: if the transaction fails after the probe
// was written, the probe is not remembered. The event of the failure is recorded
// if the trail can be written.
func TestProbeAndEventAreCommittedTogether(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newOutbox(t, d)
		p := openRecorder(t, d, true, func(options *recorder.Options) { options.Outbox = o })
		p.enrol(t, 1)
		for person := range 2 { // one is on record
			replaytest.AssertSeen(t, p, person, replaytest.Probe(1, "a", 0), false)
			for about, fail := range map[string]func(bool){
				"the outbox": func(on bool) {
					o.fail(nil)
					if on {
						o.fail(errors.New("no"))
					}
				},
				"the trail": func(on bool) {
					from, to := "elsewhere", "audit_head"
					if on {
						from, to = to, from
					}
					d.Exec(t, `ALTER TABLE `+from+` RENAME TO `+to)
				},
			} {
				fail(true)
				seen, err := replaytest.Seen(t.Context(), t, p, person, replaytest.Probe(2, about, 1))
				if seen || sesuai.KindOf(err) != sesuai.KindUnavailable {
					t.Errorf("%s fails: Remember = %v, %v", about, seen, err)
				}
				fail(false)
			}
			replaytest.AssertSeen(t, p, person, replaytest.Probe(2, "b", 2), false)
			replaytest.AssertSeen(t, p, person, replaytest.Probe(2, "c", 3), true)
		}
		if head, err := p.trail.Verify(t.Context()); err != nil || head.Seq != 8 {
			t.Errorf("Verify = %d, %v", head.Seq, err)
		}
	})
}

// TestGroup: probes that are recorded in one transaction are judged one after the
// other, and the one of a damaged record fails alone. Its event says so.
func TestGroup(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newSlowOutbox()
		p := openRecorder(t, d, false, func(options *recorder.Options) { options.Outbox = o })
		p.enrol(t, 3)
		_, _, err := p.Remember(t.Context(), nil, registrytest.NIK(t, 2), replaytest.Probe(9, "a", 0), event(t, 2, "before"))
		if err != nil {
			t.Fatal(err)
		}
		d.Exec(t, `UPDATE probes SET probes = x''`)

		first := o.appendFirst(t, p.log)
		type outcome struct {
			seen bool
			err  error
		}
		outcomes := make(chan outcome, 5)
		for i, person := range []int{0, 0, 1, 2, 0} {
			waiting := make(chan struct{})
			ctx := waitingContext{t.Context(), sync.OnceFunc(func() { close(waiting) })}
			go func() {
				seen, _, err := p.Remember(ctx, nil, registrytest.NIK(t, person), replaytest.Probe(1, fmt.Sprint(i), 0), event(t, person, fmt.Sprint(i)))
				outcomes <- outcome{seen, err}
			}()
			<-waiting
		}
		close(o.release)
		if err := <-first; err != nil {
			t.Error(err)
		}
		news, seen, damaged := 0, 0, 0
		for range 5 {
			switch got := <-outcomes; {
			case errors.Is(got.err, registry.ErrDamaged) && sesuai.KindOf(got.err) == sesuai.KindUnavailable && !got.seen:
				damaged++
			case got.err != nil:
				t.Error(got.err)
			case got.seen:
				seen++
			default:
				news++
			}
		}
		if news != 2 || seen != 2 || damaged != 1 {
			t.Errorf("%d are new, %d were sent before and %d are damaged, want 2, 2 and 1", news, seen, damaged)
		}
		recorded := make(map[audit.Result]int)
		events, err := p.Events(t.Context(), audit.Filter{Since: audittest.Event(t, 0, "").Time})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			recorded[e.Result]++
		}
		if recorded[audit.NotVerified] != 3 || recorded[audit.Refused] != 2 || recorded[audit.Unavailable] != 1 {
			t.Errorf("recorded are %v", recorded)
		}
	})
}

// event returns the events of a person's probe.
func event(t testing.TB, person int, id string) func(bool, limit.Prior, error) (audit.Event, *answer.Answer) {
	e := audittest.Event(t, 0, id)
	e.NIK = registrytest.NIK(t, person)
	return func(seen bool, _ limit.Prior, err error) (audit.Event, *answer.Answer) {
		e, a := e, answer.Answer{Request: id, Status: 200, Body: []byte(`{"seen":false}`)}
		if seen {
			e.Result, a.Status, a.Body = audit.Refused, 400, []byte(`{"seen":true}`)
		}
		if err != nil {
			e.Result = audit.Unavailable
			return e, nil
		}
		return e, &a
	}
}

// TestWithoutProbes: a Recorder without a store of probes fails to remember them.
func TestWithoutProbes(t *testing.T) {
	l := openLog(t, engines.SQLite(t), nil)
	_, _, err := l.Remember(t.Context(), nil, registrytest.NIK(t, 1), replaytest.Probe(1, "a", 0), event(t, 1, "request"))
	if sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("Remember = %v", err)
	}
	l.assertIDs(t, "request")
}

// TestJudgePanics: what fails while one probe is judged fails that one, and its
// error says nothing of the probe.
func TestJudgePanics(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		panics := &panicking{}
		p := openRecorder(t, d, true, func(o *recorder.Options) {
			panics.Probes = o.Probes
			o.Probes = panics
		})
		replaytest.AssertSeen(t, p, 1, replaytest.Probe(1, "a", 0), false)
		panics.on = true
		_, _, err := p.Remember(t.Context(), nil, registrytest.NIK(t, 1), replaytest.Probe(2, "b", 1), event(t, 1, "panics"))
		if sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("Remember = %v", err)
		}
		panics.on = false
		events, err := p.Events(t.Context(), audit.Filter{RequestIDs: []string{"panics"}})
		if err != nil || len(events) != 1 || events[0].Result != audit.Unavailable {
			t.Errorf("recorded are %v, %v", events, err)
		}
		replaytest.AssertSeen(t, p, 1, replaytest.Probe(2, "c", 2), false)
	})
}

// panicking is a store of probes whose earlier probes make replay.Judge panic.
type panicking struct {
	recorder.Probes
	on bool
}

func (p *panicking) UpdateTx(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, updates []replay.Update) error {
	if p.on {
		for i, u := range updates {
			updates[i].Change = func(earlier []replay.Probe, err error) []replay.Probe {
				unknown := replay.Probe{Result: replay.Verified + 1, At: earlier[0].At}
				return u.Change([]replay.Probe{unknown}, err)
			}
		}
	}
	return p.Probes.UpdateTx(ctx, tx, keys, updates)
}

// TestRememberWhileEnrolling: probes of people are remembered by two recorders while
// the same people are replaced, each time in another order, and old probes are
// removed. Nobody fails, and no probe is lost.
func TestRememberWhileEnrolling(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		both := []probes{openRecorder(t, d, false), openRecorder(t, d, false)}
		const count, rounds = 12, 8
		both[0].enrol(t, count)
		var group sync.WaitGroup
		for w, p := range both {
			group.Go(func() {
				for round := range rounds {
					var batch []registry.Enrolment
					for i := range count {
						person := registrytest.Person(t, (i*5+round*(1+w))%count)
						person.Status = []sesuai.Status{sesuai.Active, sesuai.Inactive}[(round+w)%2]
						batch = append(batch, registry.Enrolment{Person: person})
					}
					if _, err := p.people.EnrolBatch(t.Context(), batch, true); err != nil {
						t.Error(err)
					}
					if _, err := p.people.RemoveBefore(t.Context(), time.Unix(0, 0), 2); err != nil {
						t.Error(err)
					}
				}
			})
			for caller := range 4 {
				group.Go(func() {
					for round := range rounds {
						n := 100*w + 10*caller + round
						if seen, err := replaytest.Seen(t.Context(), t, p, n*7%count, replaytest.Probe(n, fmt.Sprint(n), 0)); seen || err != nil {
							t.Errorf("Remember = %v, %v", seen, err)
						}
					}
				})
			}
		}
		group.Wait()
		for w, p := range both {
			for caller := range 4 {
				for round := range rounds {
					n := 100*w + 10*caller + round
					replaytest.AssertSeen(t, p, n*7%count, replaytest.Probe(n, "again", time.Second), true)
				}
			}
		}
	})
}
