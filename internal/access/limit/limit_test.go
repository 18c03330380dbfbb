package limit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var engines = sqltest.New(limit.Migrations)

// node is a Store with its database.
type node struct {
	*limit.Store
	db *sqldb.DB
}

// nodes are those that one database can have: one, or two for PostgreSQL.
type nodes []node

// noon is a time long before the end of a day.
var noon = time.Date(2026, time.March, 10, 12, 0, 0, 0, sesuai.Jakarta)

// open opens the nodes of a new database.
func open(t testing.TB, d sqltest.Database, o limit.StoreOptions) nodes {
	t.Helper()
	o.Secret = keyring.NewSecret()
	d.Options.Connections = 4 // of a hundred that the server has
	n := 1
	if d.Engine == sqldb.PostgreSQL {
		n = 2
	}
	var all nodes
	for range n {
		o.DB = d.Open(t)
		s, err := limit.NewStore(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		all = append(all, node{s, o.DB})
	}
	return all
}

// nikOf returns the n-th NIK.
func nikOf(t testing.TB, n int) sesuai.NIK {
	t.Helper()
	nik, err := sesuai.ParseNIK(fmt.Sprintf("9999%012d", n))
	if err != nil {
		t.Fatal(err)
	}
	return nik
}

// complete completes a request, as the recorder does, and returns what was known before
// and the further events.
func (n node) complete(t testing.TB, l *limit.Lease, e audit.Event) (prior limit.Prior, events []audit.Event) {
	t.Helper()
	var c *limit.Counting
	err := n.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		err := tx.Lock(t.Context(), 1)
		if err != nil {
			return err
		}
		if c, err = n.CountTx(t.Context(), tx, []*limit.Lease{l}); err != nil {
			return err
		}
		prior = c.Prior(l)
		if err := c.Complete(t.Context(), l, e); err != nil {
			return err
		}
		events, err = c.WriteTx(t.Context())
		return err
	})
	if err != nil {
		t.Error(err)
		l.Cancel()
		return prior, nil
	}
	l.Completed()
	c.Committed()
	return prior, events
}

// start starts a request that must be granted.
func (n node) start(t testing.TB, r limit.Request) *limit.Lease {
	t.Helper()
	l, err := n.Start(t.Context(), r)
	if err != nil {
		t.Fatalf("Start = %v, after %v", err, retryAfter(err))
	}
	return l
}

// refused starts a request that must be refused, and returns when to try again.
func (n node) refused(t testing.TB, r limit.Request) time.Duration {
	t.Helper()
	_, err := n.Start(t.Context(), r)
	if sesuai.KindOf(err) != sesuai.KindRateLimited {
		t.Fatalf("Start = %v, want a refusal", err)
	}
	return retryAfter(err)
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*sesuai.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// The events of requests.
var (
	isMiss     = audit.Event{Result: audit.NotVerified, NIKOutcome: sesuai.NonMatch}
	isVerified = audit.Event{Result: audit.Verified}
	isRefused  = audit.Event{Result: audit.Refused, Reason: string(sesuai.KindFaceQuality)}
	isError    = audit.Event{Result: audit.Unavailable}
)

// senders is how many send requests at the same time.
const senders = 64

// send has senders send requests through all nodes, in turn, until each was refused once,
// or has sent rounds. A request is completed with an event after another one had time to
// start. It returns how many were granted, and the maximum number in progress.
func (n nodes) send(t testing.TB, rounds int, request func(i int) limit.Request, e audit.Event) (granted, inProgress int64) {
	t.Helper()
	var done, busy, peak atomic.Int64
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			node := n[i%len(n)]
			for round := range rounds {
				l, err := node.Start(t.Context(), request(i+senders*round))
				if sesuai.KindOf(err) == sesuai.KindRateLimited {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				for now := busy.Add(1); ; {
					if seen := peak.Load(); now <= seen || peak.CompareAndSwap(seen, now) {
						break
					}
				}
				time.Sleep(time.Millisecond) // the work, so that several are in progress
				busy.Add(-1)
				node.complete(t, l, e)
				done.Add(1)
			}
		})
	}
	all.Wait()
	return done.Load(), peak.Load()
}

// TestMissesAreExact: however many attack one NIK at the same time, through two nodes, they
// get as many misses as the limit allows.
func TestMissesAreExact(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for name, c := range map[string]struct {
			config limit.NIKConfig
			want   int64
		}{
			"of all clients": {limit.NIKConfig{MissesPerHour: 10, MissesPerDay: 30}, 10},
			"of a client":    {limit.NIKConfig{ClientMissesPerHour: 7, ClientMissesPerDay: 3}, 4 * 3},
		} {
			t.Run(name, func(t *testing.T) {
				var refused atomic.Int64
				n := open(t, engines.New(t, d.Engine), limit.StoreOptions{
					Config: limit.Config{NIK: c.config}, Refused: func(string, limit.Name) { refused.Add(1) },
				})
				granted, _ := n.send(t, 1+int(c.want), func(i int) limit.Request {
					return limit.Request{Client: fmt.Sprint("cli_", i%4), NIK: nikOf(t, 1)}
				}, isMiss)
				if granted != c.want || refused.Load() != senders {
					t.Errorf("%d misses, %d refusals, want %d, %d", granted, refused.Load(), c.want, senders)
				}
				// A restart changes nothing, nor does another node.
				n[0].refused(t, limit.Request{Client: "cli_0", NIK: nikOf(t, 1)})
				n[0].start(t, limit.Request{Client: "cli_0", NIK: nikOf(t, 2)})
			})
		}
	})
}

// TestHonestSendersWait: those who are verified are all answered, and never more are in
// progress than there may be misses.
func TestHonestSendersWait(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, limit.StoreOptions{Config: limit.DefaultConfig()})
		granted, inProgress := n.send(t, 1, func(int) limit.Request {
			return limit.Request{Client: "cli_1", NIK: nikOf(t, 1)}
		}, isVerified)
		if want := int64(senders); granted != want || inProgress > 10 {
			t.Errorf("%d are answered, want %d; %d at the same time", granted, want, inProgress)
		}
	})
}

// TestClientLimitsAreExact: each limit of a client is exact to the unit.
func TestClientLimitsAreExact(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for name, c := range map[string]struct {
			settings limit.Settings
			request  func(i int) sesuai.NIK
			event    audit.Event
			want     int64
		}{
			"requests": {limit.Settings{RequestsPerDay: 20}, func(i int) sesuai.NIK { return nikOf(t, i) }, isVerified, 20},
			"nobody":   {limit.Settings{RequestsPerDay: 20}, func(int) sesuai.NIK { return sesuai.NIK{} }, audit.Event{Result: audit.Matched}, 20},
			"NIKs":     {limit.Settings{NIKsPerDay: 10}, func(i int) sesuai.NIK { return nikOf(t, i) }, isVerified, 10},
			"one NIK":  {limit.Settings{NIKsPerDay: 1}, func(int) sesuai.NIK { return nikOf(t, 1) }, isVerified, senders},
			"misses":   {limit.Settings{NonMatchesPerDay: 12}, func(i int) sesuai.NIK { return nikOf(t, i) }, isMiss, 12},
			"verified": {limit.Settings{NonMatchesPerDay: 12}, func(i int) sesuai.NIK { return nikOf(t, i) }, isVerified, senders},
			"off":      {limit.Settings{NonMatchesPerDay: limit.Off}, func(i int) sesuai.NIK { return nikOf(t, i) }, isMiss, senders},
		} {
			t.Run(name, func(t *testing.T) {
				config := limit.DefaultConfig()
				config.Client.NonMatchesPerDay = 15
				n := open(t, engines.New(t, d.Engine), limit.StoreOptions{Config: config, Now: func() time.Time { return noon }})
				granted, _ := n.send(t, 1, func(i int) limit.Request {
					return limit.Request{Client: "cli_1", Settings: c.settings, NIK: c.request(i)}
				}, c.event)
				if granted != c.want {
					t.Errorf("%d requests, want %d", granted, c.want)
				}
				n[0].start(t, limit.Request{Client: "cli_2", NIK: nikOf(t, 1)}).Cancel()
			})
		}
	})
}

// TestInFlight: a client has no more requests in progress than it may have, and a further
// one is refused at once.
func TestInFlight(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, limit.StoreOptions{Config: limit.Config{Client: limit.ClientConfig{InFlight: 2}}})
		r := limit.Request{Client: "cli_1"}
		first, second := n[0].start(t, r), n[len(n)-1].start(t, r)
		if after := n[0].refused(t, r); after != time.Second {
			t.Errorf("try again after %v", after)
		}
		n[0].start(t, limit.Request{Client: "cli_2"})
		first.Cancel()
		third := n[0].start(t, r)
		n[0].complete(t, second, isError)
		n[0].complete(t, third, isError)
		n[0].start(t, r)
	})
}

// TestWindows: a miss counts for an hour and a day, and a refusal says when there may be
// another one.
func TestWindows(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		now := noon
		n := open(t, d, limit.StoreOptions{
			Config: limit.Config{NIK: limit.NIKConfig{MissesPerHour: 2, MissesPerDay: 3}}, Now: func() time.Time { return now },
		})[0]
		r := limit.Request{Client: "cli_1", NIK: nikOf(t, 1)}
		missed := func(e audit.Event) {
			t.Helper()
			n.complete(t, n.start(t, r), e)
		}
		missed(isMiss)
		now = now.Add(10 * time.Minute)
		missed(isVerified)
		missed(isError)
		missed(isMiss)
		if after := n.refused(t, r); after != 50*time.Minute {
			t.Errorf("try again after %v", after)
		}
		now = now.Add(50 * time.Minute)
		missed(isMiss)
		if after := n.refused(t, r); after != 23*time.Hour {
			t.Errorf("try again after %v", after)
		}
		now = now.Add(23*time.Hour - time.Microsecond)
		n.refused(t, r)
		now = now.Add(time.Microsecond)
		missed(isMiss)
		// Refused photographs are misses after five.
		other := limit.Request{Client: "cli_1", NIK: nikOf(t, 2)}
		for range limit.FreeRefusals + 2 {
			n.complete(t, n.start(t, other), isRefused)
		}
		if after := n.refused(t, other); after != time.Hour {
			t.Errorf("try again after %v", after)
		}
	})
}

// TestAttempts: with a cap on attempts, verified answers count, too.
func TestAttempts(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, limit.StoreOptions{Config: limit.Config{NIK: limit.NIKConfig{AttemptsPerDay: 20}}})
		granted, _ := n.send(t, 2, func(int) limit.Request { return limit.Request{Client: "cli_1", NIK: nikOf(t, 1)} }, isVerified)
		if granted != 20 {
			t.Errorf("%d attempts, want 20", granted)
		}
	})
}

// TestWaitingEnds: a request that waits for another one is refused when its time is over.
func TestWaitingEnds(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, limit.StoreOptions{Config: limit.Config{NIK: limit.NIKConfig{MissesPerHour: 1}}})
		r := limit.Request{Client: "cli_1", NIK: nikOf(t, 1)}
		first := n[0].start(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := n[len(n)-1].Start(ctx, r); sesuai.KindOf(err) != sesuai.KindRateLimited || retryAfter(err) != time.Second {
			t.Errorf("Start = %v, after %v", err, retryAfter(err))
		}
		started := make(chan *limit.Lease)
		go func() {
			l, err := n[len(n)-1].Start(t.Context(), r)
			if err != nil {
				t.Error(err)
			}
			started <- l
		}()
		n[0].complete(t, first, isVerified)
		n[0].complete(t, <-started, isMiss)
		n[0].refused(t, r)
	})
}

// TestExpiry: the requests in progress of a node that was killed count until they expire.
func TestExpiry(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		var late atomic.Int64
		n := open(t, d, limit.StoreOptions{
			Config: limit.Config{NIK: limit.NIKConfig{MissesPerHour: 1}, Client: limit.ClientConfig{InFlight: 1}},
			Now:    func() time.Time { return noon.Add(time.Duration(late.Load())) },
		})
		r := limit.Request{Client: "cli_1", NIK: nikOf(t, 1)}
		killed := n[0].start(t, r)
		late.Store(int64(limit.DefaultLeaseAge - time.Microsecond))
		n[len(n)-1].refused(t, r)
		late.Store(int64(limit.DefaultLeaseAge))
		l := n[len(n)-1].start(t, r)
		// It was only slow, and counts.
		n[0].complete(t, killed, isMiss)
		n[0].complete(t, l, isVerified)
		if after := n[0].refused(t, r); after != time.Hour {
			t.Errorf("try again after %v", after)
		}
	})
}

// TestFlagged: a client with many non-matches is flagged once, then stopped until the day
// is over. Each has an event.
func TestFlagged(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		now := noon
		var told []string
		n := open(t, d, limit.StoreOptions{
			Config:  limit.Config{Client: limit.ClientConfig{NonMatchesFlagged: 3, NonMatchesPerDay: 6, NonMatchShare: 50}},
			Now:     func() time.Time { return now },
			Flagged: func(client string, stopped bool) { told = append(told, fmt.Sprint(client, " ", stopped)) },
		})[0]
		person := 0
		var reasons []string
		send := func(events ...audit.Event) {
			t.Helper()
			for _, e := range events {
				person++
				_, further := n.complete(t, n.start(t, limit.Request{Client: "cli_1", NIK: nikOf(t, person)}), e)
				for _, f := range further {
					if f.Client != "cli_1" || !f.NIK.IsZero() {
						t.Errorf("the event is %+v", f)
					}
					reasons = append(reasons, fmt.Sprint(person, " ", f.Reason))
				}
			}
		}
		send(isVerified, isVerified, isVerified, isMiss, isMiss, isMiss, isRefused, isMiss, isMiss, isMiss)
		if got, want := fmt.Sprint(reasons, told), "[8 NON_MATCHES_FLAGGED 10 NON_MATCHES_STOPPED] [cli_1 false cli_1 true]"; got != want {
			t.Errorf("the events are %s, want %s", got, want)
		}
		if after := n.refused(t, limit.Request{Client: "cli_1"}); after != 12*time.Hour {
			t.Errorf("try again after %v", after)
		}
		n.start(t, limit.Request{Client: "cli_2"})
		now = now.Add(12 * time.Hour)
		send(isMiss)
	})
}

// TestNonMatches: an answer is a non-match if it says that the NIK is not on record or that
// something differs. One that does not verify the person for another reason stops no
// client, and neither does one about nobody.
func TestNonMatches(t *testing.T) {
	match := audit.Event{Result: audit.NotVerified, NIKOutcome: sesuai.Match, Name: sesuai.Match, DateOfBirth: sesuai.Match}
	changed := func(change func(*audit.Event)) audit.Event {
		e := match
		change(&e)
		return e
	}
	face := func(percent float64) func(e *audit.Event) {
		return func(e *audit.Event) {
			e.Compared, e.Percentage, e.Threshold = true, sesuai.PercentageOf(percent), sesuai.PercentageOf(75)
		}
	}
	attribute := func(o sesuai.Outcome) func(e *audit.Event) {
		return func(e *audit.Event) {
			e.Attributes = []audit.AttributeOutcome{{Attribute: sesuai.Attribute("address"), Outcome: o}}
		}
	}
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, limit.StoreOptions{
			Config: limit.Config{Client: limit.ClientConfig{NonMatchesPerDay: 3, NonMatchShare: 50}}, Now: func() time.Time { return noon },
		})[0]
		for name, c := range map[string]struct {
			event audit.Event
			want  bool
		}{
			"not on record":      {isMiss, true},
			"another name":       {changed(func(e *audit.Event) { e.Name = sesuai.NonMatch }), true},
			"another date":       {changed(func(e *audit.Event) { e.DateOfBirth = sesuai.NonMatch }), true},
			"another face":       {changed(face(74.99)), true},
			"another attribute":  {changed(attribute(sesuai.NonMatch)), true},
			"no attribute":       {changed(attribute(sesuai.NotCompared)), false},
			"no portrait":        {match, false},
			"not active":         {changed(func(e *audit.Event) { e.Name, e.DateOfBirth = sesuai.NotCompared, sesuai.NotCompared }), false},
			"a poor photograph":  {isRefused, false},
			"the registry fails": {isError, false},
		} {
			for i := range 3 {
				n.complete(t, n.start(t, limit.Request{Client: name, NIK: nikOf(t, i)}), c.event)
			}
			l, err := n.Start(t.Context(), limit.Request{Client: name, NIK: nikOf(t, 9)})
			if stopped := sesuai.KindOf(err) == sesuai.KindRateLimited; stopped != c.want {
				t.Errorf("%s: stopped is %v, want %v", name, stopped, c.want)
			}
			l.Cancel()
		}
		for range 4 {
			n.complete(t, n.start(t, limit.Request{Client: "about nobody"}), isMiss)
		}
	})
}

// TestRaisedLimit: a client that is stopped is not, once it may have more non-matches. It
// is stopped again when it has them.
func TestRaisedLimit(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		stopped := 0
		n := open(t, d, limit.StoreOptions{
			Config: limit.Config{Client: limit.ClientConfig{NonMatchShare: 50}}, Now: func() time.Time { return noon },
			Flagged: func(string, bool) { stopped++ },
		})[0]
		sent := 0
		for _, maximum := range []int{2, 5} {
			r := limit.Request{Client: "cli_1", Settings: limit.Settings{NonMatchesPerDay: maximum}}
			for ; sent < maximum; sent++ {
				r.NIK = nikOf(t, sent)
				n.complete(t, n.start(t, r), isMiss)
			}
			n.refused(t, r)
		}
		if stopped != 2 {
			t.Errorf("it was stopped %d times, want 2", stopped)
		}
	})
}
