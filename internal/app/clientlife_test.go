package app_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// knock sends a request that is malformed, and returns the status: 400 to a client that
// is accepted, before anything else is looked at.
func knock(ctx context.Context, node http.Handler, who access.Revealed) int {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, httpapi.FaceVerificationPath, strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(who.Username, who.Password)
	r.Header.Set("X-Api-Key", who.APIKey)
	w := httptest.NewRecorder()
	node.ServeHTTP(w, r)
	return w.Code
}

// caller sends requests with one set of credentials to one node.
type caller struct {
	name string
	who  access.Revealed
	node http.Handler

	mu   sync.Mutex
	sent []sent
}

// sent is a request: when it was sent, and the status of its answer.
type sent struct {
	at     time.Time
	status int
}

// run sends requests until ctx ends.
func (c *caller) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		one := sent{at: time.Now()}
		one.status = knock(t.Context(), c.node, c.who)
		c.mu.Lock()
		c.sent = append(c.sent, one)
		c.mu.Unlock()
	}
}

// since returns the statuses of the requests that were sent at a time or later.
func (c *caller) since(at time.Time) (statuses []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.sent {
		if !one.at.Before(at) {
			statuses = append(statuses, one.status)
		}
	}
	return statuses
}

// eventually waits for a condition.
func eventually(t *testing.T, otherwise string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatal(otherwise)
		}
	}
}

// TestClientsChangeUnderLoad: while clients call two nodes on one database, two are given
// new credentials, with and without a time in which the old ones are valid, one is
// disabled and one expires. Nothing that has ended is accepted
// by either node a second later, and no request with other credentials fails.
func TestClientsChangeUnderLoad(t *testing.T) {
	c := app.DefaultConfig()
	c.Data, c.Registry = filepath.Join(t.TempDir(), "data"), pgtest.Database(t)
	c.Postgres.Migrate, c.Postgres.Connections = true, 4
	var nodes [2]http.Handler
	var stores [2]*app.Storage
	for i := range nodes {
		stores[i] = openCells(t, c)
		defer closeStorage(t, stores[i])
		nodes[i] = serverOf(t, c, stores[i])
	}
	clients, hash := stores[0].Clients, stores[0].Hash

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var callers []*caller
	call := func(name string, who access.Revealed) {
		for _, node := range nodes {
			one := &caller{name: name, who: who, node: node}
			callers = append(callers, one)
			running.Go(func() { one.run(ctx, t) })
		}
	}
	// wait waits until each caller has sent some requests since a time.
	wait := func(at time.Time) {
		t.Helper()
		for _, one := range callers {
			eventually(t, one.name+" does not call", func() bool { return len(one.since(at)) >= 3 })
		}
	}
	for _, name := range []string{"steady", "rotated", "overlapping", "disabled", "expires"} {
		call(name, addClient(t, stores[0], name, access.Client{}))
	}
	wait(time.Time{})
	before := time.Now()
	for name, validFor := range map[string]time.Duration{"rotated": 0, "overlapping": time.Hour} {
		_, next, _, err := access.Rotate(t.Context(), clients, hash, name, access.RotateOptions{ValidFor: validFor})
		if err != nil {
			t.Fatal(err)
		}
		call(name+", with its new credentials", next.Reveal())
	}
	for name, change := range map[string]func(*access.Client) error{
		"disabled": func(c *access.Client) error { c.Disabled = true; return nil },
		"expires":  func(c *access.Client) error { c.ExpiresAt = time.Now(); return nil },
	} {
		if _, _, err := clients.ChangeClient(t.Context(), name, change); err != nil {
			t.Fatal(err)
		}
	}
	ended := time.Now().Add(time.Second) // what is promised
	wait(ended)
	cancel()
	running.Wait()

	accepted := func(status int) bool { return status == http.StatusBadRequest }
	for i, one := range callers {
		ends := slices.Contains([]string{"rotated", "disabled", "expires"}, one.name)
		all := one.since(time.Time{})
		if !ends && slices.ContainsFunc(all, func(status int) bool { return !accepted(status) }) {
			t.Errorf("%s on node %d: %v", one.name, i%2, all)
		}
		if late := one.since(ended); ends && slices.ContainsFunc(late, accepted) {
			t.Errorf("%s on node %d: a second later %v", one.name, i%2, late)
		}
		if early := len(all) - len(one.since(before)); ends && early == 0 {
			t.Errorf("%s on node %d: nothing was sent before", one.name, i%2)
		}
	}
}

// TestClientOfAService: the service records in the trail that a disabled client was
// refused, and when a client was last accepted.
func TestClientOfAService(t *testing.T) {
	process.Need(t, realModels)
	s := start(t, config(t))
	storage := openCells(t, s.config)
	defer closeStorage(t, storage)
	id := clientID(t, storage, "test")
	send := func() int {
		r := s.request(t, http.MethodPost, httpapi.FaceVerificationPath, "application/json", []byte("{}"))
		r.SetBasicAuth(s.who.Username, s.who.Password)
		r.Header.Set("X-Api-Key", s.who.APIKey)
		status, _ := s.do(t, r)
		return status
	}
	disable := func(disabled bool) {
		t.Helper()
		_, _, err := storage.Clients.ChangeClient(t.Context(), "test", func(c *access.Client) error { c.Disabled = disabled; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if status := send(); status != 400 {
		t.Errorf("a client gets %d", status)
	}
	disable(true)
	for range 3 {
		if status := send(); status != 401 {
			t.Errorf("a client that is disabled gets %d", status)
		}
	}
	refusals := func() []audit.Entry {
		events, err := storage.Trail.Events(t.Context(), audit.Filter{Client: id, Reason: "DISABLED"})
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	eventually(t, "the refusal is not recorded", func() bool { return len(refusals()) > 0 })
	disable(false)
	if status := send(); status != 400 {
		t.Errorf("a client that is enabled gets %d", status)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if got := refusals(); len(got) != 1 || got[0].Result != audit.Refused || got[0].Explain() != "access: the client is disabled" {
		t.Errorf("events: %+v", got)
	}
	uses, err := storage.Clients.LastUses(t.Context())
	if err != nil || time.Since(uses[id]) > time.Hour {
		t.Errorf("last used at %v, %v", uses[id], err)
	}
	if _, err := storage.Trail.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
