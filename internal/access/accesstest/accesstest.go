// Package accesstest has the conformance tests of access.Clients, and Clients in
// memory for tests of packages that use them. It is for tests only, and leaves it
// to the implementations to show that changes are durable.
package accesstest

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/conformance"
)

// Run runs the conformance tests on Clients that open returns, without clients.
func Run(t *testing.T, open func(t *testing.T) access.Clients) { conformance.Run(t, suite{open}) }

type suite struct {
	open func(t *testing.T) access.Clients
}

// Client returns a valid client of that name, of which every setting is set. Its ID is
// the name, too.
func Client(name string) access.Client {
	return access.Client{
		ID: name, Name: name, Scopes: []access.Scope{access.FaceVerification},
		Threshold: sesuai.PercentageOf(80.25), NameThreshold: 90, Rate: 2.5, Burst: 10,
		Replay: access.Enforce, Liveness: access.Log, Consent: access.ConsentRequired, AddedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Networks:     []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Certificates: []access.Fingerprint{{1}, {31: 0xff}},
		ExpiresAt:    time.Date(2036, 1, 2, 3, 4, 5, 6000, time.UTC), Disabled: true, Note: "Ask the core team (Jakarta)",
		Precision: sesuai.PrecisionTens, Limits: limit.Settings{RequestsPerDay: 1000, NIKsPerDay: limit.Off},
	}
}

// HashesOf returns hashes that differ by username.
func HashesOf(username string) access.Hashes {
	var h access.Hashes
	copy(h.Username[:], username)
	copy(h.Password[:], "password of "+username)
	copy(h.APIKey[:], "key of "+username)
	return h
}

// add adds clients whose usernames are their names.
func add(t *testing.T, clients access.Clients, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := clients.AddClient(t.Context(), Client(name), HashesOf(name)); err != nil {
			t.Fatalf("AddClient %s = %v", name, err)
		}
	}
}

// assertFound finds a client by its username.
func assertFound(t *testing.T, clients access.Clients, username string, want access.Client) {
	t.Helper()
	c, h, found, err := clients.ClientByUsername(t.Context(), HashesOf(username).Username)
	if err != nil || !found || h != HashesOf(username) {
		t.Errorf("ClientByUsername %s = %v, %v, or other hashes", username, found, err)
	}
	assertSame(t, want, c)
}

// assertMissing finds no client by a username.
func assertMissing(t *testing.T, clients access.Clients, username [32]byte) {
	t.Helper()
	c, h, found, err := clients.ClientByUsername(t.Context(), username)
	if err != nil || found || c.ID != "" || h != (access.Hashes{}) {
		t.Errorf("ClientByUsername = %v, %v, %v, want none", c.ID, found, err)
	}
}

func assertListed(t *testing.T, clients access.Clients, want ...access.Client) {
	t.Helper()
	got, err := clients.ListClients(t.Context())
	if err != nil {
		t.Error(err)
	}
	assertSame(t, want, got)
}

// now is a time at which Client has not expired.
var now = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

// assertHashes lists the hashes of clients with these usernames, in any order.
func assertHashes(t *testing.T, clients access.Clients, usernames ...string) {
	t.Helper()
	listed, err := clients.ListHashes(t.Context(), now)
	if err != nil || len(listed) != len(usernames) {
		t.Errorf("%d hashes are listed, want %d; %v", len(listed), len(usernames), err)
	}
	for _, username := range usernames {
		if !slices.Contains(listed, HashesOf(username)) {
			t.Errorf("the hashes of %s are not listed", username)
		}
	}
}

// Comparable compares what clients are made of.
var Comparable = cmp.Options{cmp.AllowUnexported(sesuai.Percentage{}), cmpopts.EquateComparable(netip.Prefix{})}

func assertSame(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, Comparable); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
}

func (s suite) TestNoClients(t *testing.T) {
	clients := s.open(t)
	assertListed(t, clients)
	assertHashes(t, clients)
	assertMissing(t, clients, HashesOf("a").Username)
}

func (s suite) TestClientsAreStoredAsTheyWere(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "b", "a", "c")
	plain := Client("plain")
	plain.Rate, plain.Burst, plain.Replay, plain.Liveness = 0, 0, access.Off, access.Enforce
	plain.Networks, plain.ExpiresAt, plain.Disabled, plain.Note = nil, time.Time{}, false, ""
	plain.Consent = access.ConsentOptional
	if err := clients.AddClient(t.Context(), plain, HashesOf("plain")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		assertFound(t, clients, name, Client(name))
	}
	assertFound(t, clients, "plain", plain)
	assertListed(t, clients, Client("a"), Client("b"), Client("c"), plain)
	assertHashes(t, clients, "plain")
	// Only the username finds a client.
	assertMissing(t, clients, HashesOf("a").Password)
	assertMissing(t, clients, HashesOf("a").APIKey)
}

func (s suite) TestRounding(t *testing.T) {
	clients := s.open(t)
	c := Client("a")
	c.Threshold, c.AddedAt = sesuai.PercentageOf(80.254), c.AddedAt.Add(999).In(time.FixedZone("WIB", 7*60*60))
	c.ExpiresAt, c.PreviousUntil = c.ExpiresAt.Add(999).In(sesuai.Jakarta), c.ExpiresAt
	if err := clients.AddClient(t.Context(), c, HashesOf("a")); err != nil {
		t.Fatal(err)
	}
	assertFound(t, clients, "a", Client("a"))
	assertListed(t, clients, Client("a"))
}

// TestNamesAreUnique: a second client of a name changes nothing, until the first
// one is removed.
func (s suite) TestNamesAreUnique(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a")
	second := Client("a")
	second.ID = "second"
	if err := clients.AddClient(t.Context(), second, HashesOf("second")); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("AddClient = %v, want an error of kind %s", err, sesuai.KindConflict)
	}
	assertMissing(t, clients, HashesOf("second").Username)
	assertFound(t, clients, "a", Client("a"))
	if removed, err := clients.RemoveClient(t.Context(), "a"); err != nil || !removed {
		t.Errorf("RemoveClient = %v, %v", removed, err)
	}
	if err := clients.AddClient(t.Context(), second, HashesOf("second")); err != nil {
		t.Errorf("AddClient = %v", err)
	}
	assertFound(t, clients, "second", second)
}

// TestChangeClient: the settings change, and nothing else.
func (s suite) TestChangeClient(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a", "b")
	want := Client("a")
	want.Scopes = []access.Scope{access.FaceVerification, access.DataVerificationOf(sesuai.NameAttribute), access.DataVerificationOf(sesuai.Address)}
	want.Threshold, want.NameThreshold, want.Rate, want.Burst = sesuai.PercentageOf(99.99), 100, 0, 0
	want.Replay, want.Liveness, want.Consent = access.Off, access.Enforce, access.ConsentPurpose
	want.Networks, want.ExpiresAt, want.Disabled, want.Note = want.Networks[1:], want.ExpiresAt.Add(time.Hour), false, "é"
	for range 2 { // the second one changes nothing
		got, found, err := clients.ChangeClient(t.Context(), "a", func(c *access.Client) error {
			*c = want
			c.ID, c.Name, c.AddedAt, c.PreviousUntil = "other", "b", time.Unix(0, 0), now
			return nil
		})
		if err != nil || !found {
			t.Fatalf("ChangeClient = %v, %v", found, err)
		}
		assertSame(t, want, got)
	}
	assertFound(t, clients, "a", want)
	assertListed(t, clients, want, Client("b"))

	_, found, err := clients.ChangeClient(t.Context(), "nobody", func(*access.Client) error {
		t.Error("change is called for a client that is not there")
		return nil
	})
	if found || err != nil {
		t.Errorf("ChangeClient of nobody = %v, %v", found, err)
	}
}

// TestInvalidChange: a change that fails, or makes a client invalid, changes nothing.
func (s suite) TestInvalidChange(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a")
	for name, change := range map[string]func(*access.Client) error{
		"fails": func(c *access.Client) error {
			c.Burst = 99
			return &sesuai.Error{Kind: sesuai.KindConfiguration}
		},
		"invalid": func(c *access.Client) error { c.NameThreshold = 1; return nil },
	} {
		if _, _, err := clients.ChangeClient(t.Context(), "a", change); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("%s: ChangeClient = %v", name, err)
		}
		assertFound(t, clients, "a", Client("a"))
	}
}

// TestChangesAtOnce: changes of one client that are made at the same time are all
// made.
func (s suite) TestChangesAtOnce(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a")
	const changes = 8
	var group sync.WaitGroup
	for range changes {
		group.Go(func() {
			_, _, err := clients.ChangeClient(t.Context(), "a", func(c *access.Client) error { c.Burst++; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	want := Client("a")
	want.Burst += changes
	assertFound(t, clients, "a", want)
}

func (s suite) TestRemoveClient(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a", "b")
	for _, want := range []bool{true, false} {
		if removed, err := clients.RemoveClient(t.Context(), "a"); err != nil || removed != want {
			t.Errorf("RemoveClient = %v, %v, want %v", removed, err, want)
		}
	}
	assertMissing(t, clients, HashesOf("a").Username)
	assertListed(t, clients, Client("b"))
}

// TestOneOfManyAtOnce: of clients with one name that are added at the same time,
// one is added.
func (s suite) TestOneOfManyAtOnce(t *testing.T) {
	clients := s.open(t)
	var group sync.WaitGroup
	var added atomic.Int64
	for n := range 8 {
		group.Go(func() {
			c := Client("a")
			c.ID = string(rune('a' + n))
			switch err := clients.AddClient(t.Context(), c, HashesOf(c.ID)); {
			case err == nil:
				added.Add(1)
			case sesuai.KindOf(err) != sesuai.KindConflict:
				t.Errorf("AddClient = %v", err)
			}
			if _, err := clients.ListClients(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	listed, err := clients.ListClients(t.Context())
	if err != nil || len(listed) != 1 || added.Load() != 1 {
		t.Errorf("%d clients were added and %d are listed, want 1; %v", added.Load(), len(listed), err)
	}
}

func (s suite) TestEndedContext(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, _, found := clients.ClientByUsername(ctx, HashesOf("a").Username)
	_, listed := clients.ListClients(ctx)
	_, hashes := clients.ListHashes(ctx, now)
	_, _, rotated := clients.RotateClient(ctx, "a", HashesOf("c"), func(access.Client) (time.Time, error) { return now, nil })
	_, uses := clients.LastUses(ctx)
	_, removed := clients.RemoveClient(ctx, "a")
	_, _, changed := clients.ChangeClient(ctx, "a", func(*access.Client) error { return nil })
	for what, err := range map[string]error{
		"ChangeClient":     changed,
		"RotateClient":     rotated,
		"LastUses":         uses,
		"RecordUses":       clients.RecordUses(ctx, map[string]time.Time{"a": now}),
		"ClientByUsername": found, "ListClients": listed, "ListHashes": hashes, "RemoveClient": removed,
		"AddClient": clients.AddClient(ctx, Client("b"), HashesOf("b")),
	} {
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v", what, err)
		}
	}
	assertListed(t, clients, Client("a"))
}
