package access_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

// door is an Authenticator whose clock a test sets, with one client.
type door struct {
	*access.Authenticator
	clients *countingClients
	now     time.Time
	failed  map[access.Failure]int
	right   access.Attempt
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{
		clients: new(countingClients), failed: make(map[access.Failure]int),
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	d.Authenticator = access.NewAuthenticator(access.AuthenticatorOptions{
		Clients: d.clients, Hash: sha256.Sum256,
		Failed: func(f access.Failure) { d.failed[f]++ },
		Now:    func() time.Time { return d.now },
	})
	d.right = d.add(t, "first")
	return d
}

// observe makes the Authenticator anew, with an Activity and the real clock.
func (d *door) observe(a *access.Activity) {
	d.Authenticator = access.NewAuthenticator(access.AuthenticatorOptions{Clients: d.clients, Hash: sha256.Sum256, Activity: a})
}

// add adds a client and returns its credentials.
func (d *door) add(t *testing.T, name string) access.Attempt {
	t.Helper()
	c := valid()
	c.Name = name
	_, credentials, err := access.Add(t.Context(), d.clients, sha256.Sum256, c)
	if err != nil {
		t.Fatal(err)
	}
	return attempt(credentials.Reveal())
}

// try returns the kind of error of an attempt; "" if it succeeds. A refusal of
// kind sesuai.KindRateLimited says when to try again.
func (d *door) try(t *testing.T, a access.Attempt) sesuai.Kind {
	t.Helper()
	c, err := d.Authenticate(t.Context(), a)
	if err == nil && c.ID == "" || err != nil && c.ID != "" {
		t.Errorf("Authenticate = %q, %v", c.ID, err)
	}
	if err == nil {
		return ""
	}
	e, _ := errors.AsType[*sesuai.Error](err)
	if e.Detail != "" || (e.Kind == sesuai.KindRateLimited) != (e.RetryAfter > 0) {
		t.Errorf("Authenticate = %v, detail %q, retry after %v", err, e.Detail, e.RetryAfter)
	}
	return e.Kind
}

// tries makes n attempts that another function varies, and counts the kinds of
// errors.
func (d *door) tries(t *testing.T, n int, vary func(i int) access.Attempt) map[sesuai.Kind]int {
	t.Helper()
	kinds := make(map[sesuai.Kind]int)
	for i := range n {
		kinds[d.try(t, vary(i))]++
	}
	return kinds
}

func assertKind(t *testing.T, about string, got, want sesuai.Kind) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", about, got, want)
	}
}

// address returns one of many addresses.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// TestFailuresOfAUsername: wrong passwords for one username are not looked up
// after the first few, wherever they come from. The client itself gets in.
func TestFailuresOfAUsername(t *testing.T) {
	d := newDoor(t)
	guess := func(i int) access.Attempt {
		a := d.right
		a.From, a.Password = address(i), fmt.Sprint("pwd_", i)
		return a
	}
	kinds := d.tries(t, 1000, guess)
	if kinds[sesuai.KindUnauthenticated] != 10 || kinds[sesuai.KindRateLimited] != 990 {
		t.Errorf("answers: %v", kinds)
	}
	if d.clients.lookups != 10 || d.clients.listings != 1 {
		t.Errorf("%d look-ups and %d listings", d.clients.lookups, d.clients.listings)
	}
	if d.failed[access.FailureWrong] != 10 || d.failed[access.FailureThrottled] != 990 {
		t.Errorf("counted: %v", d.failed)
	}
	assertKind(t, "the client itself", d.try(t, d.right), "")
	almost := d.right
	almost.APIKey = "key_wrong"
	assertKind(t, "with a wrong key", d.try(t, almost), sesuai.KindRateLimited)

	d.now = d.now.Add(time.Second)
	if kinds := d.tries(t, 10, guess); kinds[sesuai.KindUnauthenticated] != 1 {
		t.Errorf("answers one second later: %v", kinds)
	}
	d.now = d.now.Add(time.Hour)
	if kinds := d.tries(t, 10, guess); kinds[sesuai.KindUnauthenticated] != 10 {
		t.Errorf("answers one hour later: %v", kinds)
	}
}

// TestFailuresOfAnAddress: of many usernames from one address only the first are
// looked up. Clients at the same address get in, also those that never did
// before, and those that were added meanwhile; removed ones do not.
func TestFailuresOfAnAddress(t *testing.T) {
	for about, from := range map[string]func(n int) netip.Addr{
		"one address":      func(int) netip.Addr { return someAddress },
		"an IPv6 network":  func(n int) netip.Addr { return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(n)}) },
		"an unknown place": func(int) netip.Addr { return netip.Addr{} },
	} {
		t.Run(about, func(t *testing.T) {
			d := newDoor(t)
			gone := d.add(t, "gone")
			stuff := func(i int) access.Attempt {
				return access.Attempt{From: from(i), Username: fmt.Sprint("usr_", i), Password: "pwd_x", APIKey: "key_x"}
			}
			kinds := d.tries(t, 3000, stuff)
			if kinds[sesuai.KindUnauthenticated] != 100 || kinds[sesuai.KindRateLimited] != 2900 {
				t.Errorf("answers: %v", kinds)
			}
			if d.clients.lookups != 100 || d.clients.listings != 1 {
				t.Errorf("%d look-ups and %d listings", d.clients.lookups, d.clients.listings)
			}
			here := func(a access.Attempt) access.Attempt { a.From = from(0); return a }
			assertKind(t, "a client at the same address", d.try(t, here(d.right)), "")

			late := d.add(t, "late")
			if removed, err := d.clients.RemoveClient(t.Context(), "gone"); err != nil || !removed {
				t.Fatalf("RemoveClient = %v, %v", removed, err)
			}
			assertKind(t, "a removed client", d.try(t, here(gone)), sesuai.KindRateLimited)
			d.now = d.now.Add(time.Second)
			d.tries(t, 100, stuff)
			assertKind(t, "a client that was added a second ago", d.try(t, here(late)), "")
			assertKind(t, "a client that was removed a second ago", d.try(t, here(gone)), sesuai.KindRateLimited)
		})
	}
}

// TestFailuresWithoutClients: if the clients cannot be read, nobody is told that
// the credentials are wrong, and an attack does not make the service try often.
func TestFailuresWithoutClients(t *testing.T) {
	d := newDoor(t)
	wrong := d.right
	wrong.Password = "pwd_wrong"
	d.tries(t, 10, func(int) access.Attempt { return wrong })
	d.clients.Fail(errors.New("down"))
	if kinds := d.tries(t, 100, func(int) access.Attempt { return wrong }); kinds[sesuai.KindUnavailable] != 100 {
		t.Errorf("answers: %v", kinds)
	}
	assertKind(t, "the client itself", d.try(t, d.right), sesuai.KindUnavailable)
	if d.clients.listings != 1 {
		t.Errorf("%d listings", d.clients.listings)
	}
	d.clients.Fail(nil)
	d.now = d.now.Add(time.Second)
	d.tries(t, 10, func(int) access.Attempt { return wrong })
	assertKind(t, "the client itself, later", d.try(t, d.right), "")
}

// TestSuccessesAreNotLimited: only failures count.
func TestSuccessesAreNotLimited(t *testing.T) {
	d := newDoor(t)
	if kinds := d.tries(t, 1000, func(int) access.Attempt { return d.right }); kinds[""] != 1000 {
		t.Errorf("answers: %v", kinds)
	}
	if len(d.failed) != 0 || d.clients.listings != 0 {
		t.Errorf("counted: %v, %d listings", d.failed, d.clients.listings)
	}
}
