package accesstest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

// rotate gives a client the hashes of a username, and those so far an end.
func rotate(t *testing.T, clients access.Clients, name, username string, end time.Time) access.Client {
	t.Helper()
	c, found, err := clients.RotateClient(t.Context(), name, HashesOf(username), func(access.Client) (time.Time, error) { return end, nil })
	if err != nil || !found {
		t.Fatalf("RotateClient = %v, %v", found, err)
	}
	return c
}

// withEnd returns the hashes of a username whose credentials have an end.
func withEnd(username string, end time.Time) access.Hashes {
	h := HashesOf(username)
	h.Until = end
	return h
}

// TestRotateClient: a client has its new credentials and those from before, which are
// found also when they have ended. Those before them are gone.
func (s suite) TestRotateClient(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a", "b")
	first, second := now.Add(time.Hour), now.Add(-time.Hour)
	want := Client("a")
	want.PreviousUntil = first
	assertSame(t, want, rotate(t, clients, "a", "a2", first.Add(999).In(sesuai.Jakarta)))
	assertFound(t, clients, "a2", want)
	assertEnds(t, clients, "a", want, first)
	assertMissing(t, clients, HashesOf("a").Password)

	want.PreviousUntil = second
	assertSame(t, want, rotate(t, clients, "a", "a3", second))
	assertFound(t, clients, "a3", want)
	assertEnds(t, clients, "a2", want, second)
	assertMissing(t, clients, HashesOf("a").Username)
	assertListed(t, clients, want, Client("b"))

	// A setting that is changed leaves the credentials.
	changed, _, err := clients.ChangeClient(t.Context(), "a", func(c *access.Client) error { c.Burst = 99; return nil })
	if err != nil {
		t.Fatal(err)
	}
	want.Burst = 99
	assertSame(t, want, changed)
	assertFound(t, clients, "a3", want)
	assertEnds(t, clients, "a2", want, second)

	if removed, err := clients.RemoveClient(t.Context(), "a"); err != nil || !removed {
		t.Fatal(removed, err)
	}
	assertMissing(t, clients, HashesOf("a3").Username)
	assertMissing(t, clients, HashesOf("a2").Username)
}

// assertEnds finds a client by the username of credentials that end.
func assertEnds(t *testing.T, clients access.Clients, username string, want access.Client, end time.Time) {
	t.Helper()
	c, h, found, err := clients.ClientByUsername(t.Context(), HashesOf(username).Username)
	if err != nil || !found || h != withEnd(username, end) {
		t.Errorf("ClientByUsername %s = %v, %v, until %v, or other hashes; want until %v", username, found, err, h.Until, end)
	}
	assertSame(t, want, c)
}

// TestNoRotation: a rotation whose end fails changes nothing, and one of a client that
// is not there makes none.
func (s suite) TestNoRotation(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a")
	_, found, err := clients.RotateClient(t.Context(), "a", HashesOf("a2"), func(c access.Client) (time.Time, error) {
		assertSame(t, Client("a"), c)
		return now, &sesuai.Error{Kind: sesuai.KindConflict}
	})
	if found || sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("RotateClient = %v, %v", found, err)
	}
	assertFound(t, clients, "a", Client("a"))
	assertMissing(t, clients, HashesOf("a2").Username)
	_, found, err = clients.RotateClient(t.Context(), "nobody", HashesOf("n"), func(access.Client) (time.Time, error) {
		t.Error("a client that is not there is rotated")
		return now, nil
	})
	if found || err != nil {
		t.Errorf("RotateClient of nobody = %v, %v", found, err)
	}
}

// TestListHashes: the hashes are those of credentials that have not ended, of clients
// that are enabled and have not expired.
func (s suite) TestListHashes(t *testing.T) {
	clients := s.open(t)
	set := func(name string, change func(*access.Client)) {
		if _, found, err := clients.ChangeClient(t.Context(), name, func(c *access.Client) error {
			c.Disabled, c.ExpiresAt = false, time.Time{}
			change(c)
			return nil
		}); err != nil || !found {
			t.Fatal(found, err)
		}
	}
	add(t, clients, "disabled", "expired", "expires", "plain")
	set("disabled", func(c *access.Client) { c.Disabled = true })
	set("expired", func(c *access.Client) { c.ExpiresAt = now })
	set("expires", func(c *access.Client) { c.ExpiresAt = now.Add(time.Microsecond) })
	set("plain", func(*access.Client) {})
	for _, name := range []string{"disabled", "expired"} {
		rotate(t, clients, name, name+"2", now.Add(time.Hour))
	}
	assertHashes(t, clients, "expires", "plain")
	rotate(t, clients, "expires", "expires2", now)
	assertHashes(t, clients, "expires2", "plain")
	rotate(t, clients, "plain", "plain2", now.Add(time.Microsecond))
	listed, err := clients.ListHashes(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[access.Hashes]bool)
	for _, h := range listed {
		got[h] = true
	}
	want := map[access.Hashes]bool{HashesOf("expires2"): true, HashesOf("plain2"): true, withEnd("plain", now.Add(time.Microsecond)): true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hashes (-want +got):\n%s", diff)
	}
}

// TestUses: the last use of a client is known to the minute, from wherever it is
// recorded, until the client is removed.
func (s suite) TestUses(t *testing.T) {
	clients := s.open(t)
	add(t, clients, "a", "b", "c")
	record := func(uses map[string]time.Time) {
		t.Helper()
		if err := clients.RecordUses(t.Context(), uses); err != nil {
			t.Fatal(err)
		}
	}
	assertUses := func(want map[string]time.Time) {
		t.Helper()
		got, err := clients.LastUses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(got)+len(want) > 0 && !cmp.Equal(want, got) {
			t.Errorf("uses (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
	assertUses(nil)
	record(nil)
	record(map[string]time.Time{"a": now.Add(59 * time.Second).In(sesuai.Jakarta), "b": now, "nobody": now})
	assertUses(map[string]time.Time{"a": now, "b": now})
	record(map[string]time.Time{"a": now.Add(-time.Hour), "b": now.Add(2 * time.Minute)})
	assertUses(map[string]time.Time{"a": now, "b": now.Add(2 * time.Minute)})
	if _, err := clients.RemoveClient(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	assertUses(map[string]time.Time{"a": now})
}
