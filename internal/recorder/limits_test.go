package recorder_test

import (
	"context"
	"fmt"
	"slices"
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
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
)

var limitEngines = sqltest.New(vault.Migrations, people.Migrations, audit.Migrations, answer.Migrations, limit.Migrations)

// counted is a Recorder that counts, with what counts.
type counted struct {
	probes
	limits *limit.Store
}

func openCounted(t testing.TB, d sqltest.Database, now func() time.Time, change ...func(*recorder.Options)) (c counted) {
	t.Helper()
	c.probes = openRecorder(t, d, true, append(change, func(o *recorder.Options) {
		var err error
		c.limits, err = limit.NewStore(t.Context(), limit.StoreOptions{DB: o.DB, Secret: o.Vault.Secret(keyring.Rows).Derive(keyring.Limits), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.limits.Close)
		o.Limits = c.limits
	})...)
	return c
}

// complete completes a request about a person, whose event says what was known before.
func (c counted) complete(t testing.TB, person int, result audit.Result, reason sesuai.Kind) (limit.Prior, error) {
	t.Helper()
	nik := registrytest.NIK(t, person)
	l, err := c.limits.Start(t.Context(), limit.Request{Client: "cli_test", NIK: nik})
	if err != nil {
		return limit.Prior{}, err
	}
	return c.Record(t.Context(), l, func(prior limit.Prior) (audit.Event, *answer.Answer) {
		e := audittest.Event(t, person, fmt.Sprint("misses-", prior.Misses))
		e.NIK, e.Result, e.Reason = nik, result, string(reason)
		return e, nil
	})
}

// TestPrior: of senders at the same time, through two nodes, each is told of all that was
// completed before, and no two are told of the same. The event is made of the same.
func TestPrior(t *testing.T) {
	limitEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		nodes := []counted{openCounted(t, d, nil), openCounted(t, d, nil)}
		const each = 20
		var mu sync.Mutex
		var got []int
		var senders sync.WaitGroup
		for i := range 2 * each {
			senders.Go(func() {
				prior, err := nodes[i%2].complete(t, 1, audit.NotVerified, "")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				got = append(got, prior.Misses)
			})
		}
		senders.Wait()
		slices.Sort(got)
		var ids []string
		for i, n := range got {
			if n != i {
				t.Fatalf("the misses before are %v", got)
			}
			ids = append(ids, fmt.Sprint("misses-", n))
		}
		nodes[0].assertIDs(t, ids...)
	})
}

// TestMisses: what is a miss, of whom and for how long.
func TestMisses(t *testing.T) {
	limitEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		now := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
		c := openCounted(t, d, func() time.Time { return now })
		assert := func(person, want int) {
			t.Helper()
			// A verified answer is no miss, so this changes nothing.
			if prior, err := c.complete(t, person, audit.Verified, ""); err != nil || prior.Misses != want {
				t.Errorf("of person %d %v misses are known, %v, want %d", person, prior, err, want)
			}
		}
		complete := func(n int, result audit.Result, reason sesuai.Kind) {
			t.Helper()
			for range n {
				if _, err := c.complete(t, 1, result, reason); err != nil {
					t.Fatal(err)
				}
			}
		}
		assert(1, 0)
		complete(1, audit.NotVerified, "")
		assert(1, 1)
		assert(2, 0)
		complete(3, audit.Unavailable, sesuai.KindUnavailable)
		complete(3, audit.Refused, sesuai.KindTooLarge)
		assert(1, 1)
		complete(limit.FreeRefusals-1, audit.Refused, sesuai.KindFaceQuality)
		complete(1, audit.Refused, sesuai.KindInvalidImage)
		assert(1, 1)
		now = now.Add(time.Hour)
		complete(1, audit.Refused, sesuai.KindSuspectedReplay)
		assert(1, 2)
		now = now.Add(limit.Day - time.Hour - time.Microsecond)
		assert(1, 2)
		now = now.Add(time.Microsecond)
		assert(1, 0)
		complete(limit.MaxPrior+10, audit.NotVerified, "")
		if prior, err := c.complete(t, 1, audit.NotVerified, ""); err != nil || prior.Misses < limit.MaxPrior {
			t.Errorf("after more than the maximum, %v misses are known, %v", prior, err)
		}
	})
}

// remember completes a request about a person who was not verified, with a new probe. The
// answer says what was known before.
func (c counted) remember(t testing.TB, id string) (limit.Prior, error) {
	t.Helper()
	nik := registrytest.NIK(t, 1)
	l, err := c.limits.Start(t.Context(), limit.Request{Client: "cli_test", NIK: nik})
	if err != nil {
		return limit.Prior{}, err
	}
	_, prior, err := c.Remember(t.Context(), l, nik, replaytest.Probe(1, id, 0), func(_ bool, prior limit.Prior, err error) (audit.Event, *answer.Answer) {
		e := audittest.Event(t, 1, id)
		if e.NIK = nik; err != nil {
			e.Result = audit.Unavailable
		}
		return e, &answer.Answer{Request: id, Status: 200, Body: []byte(fmt.Sprint(prior.Misses))}
	})
	return prior, err
}

// TestPriorOfAProbe: the outcome of a remembered probe, too, is made of what is known
// before, and so is the stored answer.
func TestPriorOfAProbe(t *testing.T) {
	limitEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		c := openCounted(t, d, nil)
		for want := range 3 {
			id := fmt.Sprint("request-", want)
			if prior, err := c.remember(t, id); err != nil || prior.Misses != want {
				t.Errorf("Remember = %v, %v, want %d misses", prior, err, want)
			}
			found, err := c.answers.ByRequest(t.Context(), "cli_test", id)
			if err != nil || len(found.Rows) != 1 || string(found.Rows[0].Body) != fmt.Sprint(want) {
				t.Errorf("the stored answer is %v, %v, want %d", found.Rows, err, want)
			}
		}
	})
}

// scriptedAnswers are Answers that run a function after they were stored.
type scriptedAnswers struct {
	recorder.Answers
	scripted
}

func (a *scriptedAnswers) AddTx(ctx context.Context, tx *sqldb.Tx, rows []answer.Row) error {
	if err := a.Answers.AddTx(ctx, tx, rows); err != nil {
		return err
	}
	return a.scripted.AddTx(ctx, tx, nil)
}

// TestMissWithoutReply: the connection breaks at the commit. Whether it was committed or
// not, a miss is counted as often as its event is recorded.
func TestMissWithoutReply(t *testing.T) {
	limitEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		for end, want := range map[string]int{"COMMIT": 1, "ROLLBACK": 0} {
			t.Run(end, func(t *testing.T) {
				d := limitEngines.New(t, d.Engine)
				var answers scriptedAnswers
				c := openCounted(t, d, nil, func(o *recorder.Options) { answers.Answers, o.Answers = o.Answers, &answers })
				answers.set(withoutReply(end))
				if _, err := c.remember(t, "without-reply"); sesuai.KindOf(err) != sesuai.KindUnavailable {
					t.Errorf("Remember = %v", err)
				}
				if prior, err := c.remember(t, "later"); err != nil || prior.Misses != want {
					t.Errorf("Remember = %v, %v, want %d misses", prior, err, want)
				}
				c.assertIDs(t, "without-reply", "later")
			})
		}
	})
}
