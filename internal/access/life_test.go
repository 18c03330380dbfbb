package access_test

import (
	"crypto/sha256"
	"net/netip"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

// set changes the client that the door was made with.
func (d *door) set(t *testing.T, change func(*access.Client)) {
	t.Helper()
	_, found, err := d.clients.ChangeClient(t.Context(), "first", func(c *access.Client) error { change(c); return nil })
	if err != nil || !found {
		t.Fatal(found, err)
	}
}

// rotate gives that client new credentials.
func (d *door) rotate(t *testing.T, o access.RotateOptions) (access.Attempt, error) {
	t.Helper()
	o.Now = d.now
	_, credentials, _, err := access.Rotate(t.Context(), d.clients, sha256.Sum256, "first", o)
	if err != nil {
		return access.Attempt{}, err
	}
	return attempt(credentials.Reveal()), nil
}

// TestInactiveClients: a client that is disabled or has expired is refused like one
// with a wrong password, with the same work, and counted apart.
func TestInactiveClients(t *testing.T) {
	d := newDoor(t)
	for failure, change := range map[access.Failure]func(*access.Client){
		access.FailureDisabled: func(c *access.Client) { c.Disabled = true },
		access.FailureExpired:  func(c *access.Client) { c.ExpiresAt = d.now },
	} {
		d.set(t, change)
		lookups := d.clients.lookups
		assertKind(t, string(failure), d.try(t, d.right), sesuai.KindUnauthenticated)
		if n := d.clients.lookups - lookups; d.failed[failure] != 1 || n != 1 {
			t.Errorf("%s: %d look-ups, counted %v", failure, n, d.failed)
		}
		wrong := d.right
		wrong.Password = "pwd_wrong"
		assertKind(t, "a wrong password", d.try(t, wrong), sesuai.KindUnauthenticated)
		d.set(t, func(c *access.Client) { c.Disabled, c.ExpiresAt = false, time.Time{} })
		assertKind(t, "enabled again", d.try(t, d.right), "")
	}
	if d.failed[access.FailureWrong] != 2 {
		t.Errorf("counted %v", d.failed)
	}
	d.set(t, func(c *access.Client) { c.ExpiresAt = d.now.Add(time.Second) })
	assertKind(t, "before it expires", d.try(t, d.right), "")
	d.now = d.now.Add(time.Second)
	assertKind(t, "when it expires", d.try(t, d.right), sesuai.KindUnauthenticated)
}

// TestInactiveClientsAreThrottled: after too many attempts, a client that is disabled
// gets what one with a wrong password gets, without a look-up.
func TestInactiveClientsAreThrottled(t *testing.T) {
	d := newDoor(t)
	d.set(t, func(c *access.Client) { c.Disabled = true })
	kinds := d.tries(t, 100, func(int) access.Attempt { return d.right })
	if kinds[sesuai.KindUnauthenticated] != 10 || kinds[sesuai.KindRateLimited] != 90 || d.clients.lookups != 10 || d.clients.listings != 1 {
		t.Errorf("answers: %v, %d look-ups, %d listings", kinds, d.clients.lookups, d.clients.listings)
	}
	d.now = d.now.Add(time.Second)
	d.set(t, func(c *access.Client) { c.Disabled = false })
	assertKind(t, "enabled a second ago", d.try(t, d.right), "")
	// Disabled within the second in which it is known to be enabled.
	d.tries(t, 10, func(int) access.Attempt { a := d.right; a.Password = "pwd_wrong"; return a })
	assertKind(t, "enabled", d.try(t, d.right), "")
	d.set(t, func(c *access.Client) { c.Disabled = true })
	assertKind(t, "disabled just now", d.try(t, d.right), sesuai.KindRateLimited)
}

// TestNetworks: a client is accepted from its networks alone, and elsewhere it is told
// that it may not, until it has tried often.
func TestNetworks(t *testing.T) {
	d := newDoor(t)
	from := func(text string) access.Attempt {
		a := d.right
		if a.From = (netip.Addr{}); text != "" {
			a.From = netip.MustParseAddr(text)
		}
		return a
	}
	assertKind(t, "from an unknown address, without networks", d.try(t, from("")), "")
	d.set(t, func(c *access.Client) { c.Networks = networks(t, "192.0.2.0/24", "2001:db8:1::/48") })
	for _, inside := range []string{"192.0.2.0", "192.0.2.255", "::ffff:192.0.2.7", "2001:db8:1:2::3", "2001:db8:1::1%eth0"} {
		assertKind(t, inside, d.try(t, from(inside)), "")
	}
	for _, outside := range []string{"192.0.3.0", "::ffff:192.0.3.7", "2001:db8:2::1", "::192.0.2.7", ""} {
		assertKind(t, outside, d.try(t, from(outside)), sesuai.KindForbidden)
	}
	if d.failed[access.FailureNetwork] != 5 {
		t.Errorf("counted %v", d.failed)
	}
	wrong := from("192.0.3.0")
	wrong.Password = "pwd_wrong"
	assertKind(t, "a wrong password from elsewhere", d.try(t, wrong), sesuai.KindUnauthenticated)
	kinds := d.tries(t, 100, func(int) access.Attempt { return from("192.0.3.0") })
	if kinds[sesuai.KindForbidden] != 4 || kinds[sesuai.KindRateLimited] != 96 {
		t.Errorf("answers: %v", kinds)
	}
	assertKind(t, "from inside meanwhile", d.try(t, from("192.0.2.7")), "")
}

// TestCertificates: a client that is bound to certificates is accepted with each of them
// and refused without, as one from elsewhere is.
func TestCertificates(t *testing.T) {
	d := newDoor(t)
	with := func(f access.Fingerprint) access.Attempt {
		a := d.right
		a.Certificate = f
		return a
	}
	old, next, other := access.Fingerprint{1}, access.Fingerprint{2}, access.Fingerprint{3}
	assertKind(t, "one that nobody asked for", d.try(t, with(other)), "")
	d.set(t, func(c *access.Client) { c.Certificates = []access.Fingerprint{old, next} })
	assertKind(t, "the old one", d.try(t, with(old)), "")
	assertKind(t, "the new one", d.try(t, with(next)), "")
	assertKind(t, "another one", d.try(t, with(other)), sesuai.KindForbidden)
	assertKind(t, "none", d.try(t, d.right), sesuai.KindForbidden)
	if d.failed[access.FailureCertificate] != 2 {
		t.Errorf("counted %v", d.failed)
	}
	wrong := with(old)
	wrong.Password = "pwd_wrong"
	assertKind(t, "a wrong password with the certificate", d.try(t, wrong), sesuai.KindUnauthenticated)
	d.set(t, func(c *access.Client) { c.Certificates = []access.Fingerprint{next} })
	assertKind(t, "the old one, after it was replaced", d.try(t, with(old)), sesuai.KindForbidden)
	d.set(t, func(c *access.Client) { c.Certificates = nil })
	assertKind(t, "none, when none is needed", d.try(t, d.right), "")
}

// TestRotate: both credentials are accepted until the older ones end. They cannot be
// mixed.
func TestRotate(t *testing.T) {
	d := newDoor(t)
	old := d.right
	next, err := d.rotate(t, access.RotateOptions{ValidFor: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	assertKind(t, "the old ones", d.try(t, old), "")
	assertKind(t, "the new ones", d.try(t, next), "")
	mixed := next
	mixed.APIKey = old.APIKey
	assertKind(t, "an old key with a new password", d.try(t, mixed), sesuai.KindUnauthenticated)

	if _, err := d.rotate(t, access.RotateOptions{ValidFor: time.Hour}); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("Rotate while two are valid = %v", err)
	}
	assertKind(t, "the old ones, after a rotation that was refused", d.try(t, old), "")
	d.now = d.now.Add(time.Hour)
	assertKind(t, "the old ones at their end", d.try(t, old), sesuai.KindUnauthenticated)
	if d.failed[access.FailureReplaced] != 1 {
		t.Errorf("counted %v", d.failed)
	}
	assertKind(t, "the new ones", d.try(t, next), "")

	third, err := d.rotate(t, access.RotateOptions{ValidFor: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	fourth, err := d.rotate(t, access.RotateOptions{EndOlder: true})
	if err != nil {
		t.Fatal(err)
	}
	for about, a := range map[string]access.Attempt{"the second ones": next, "the third ones": third} {
		assertKind(t, about+" after a rotation that ends them", d.try(t, a), sesuai.KindUnauthenticated)
	}
	assertKind(t, "the fourth ones", d.try(t, fourth), "")

	for _, validFor := range []time.Duration{-1, access.MaxValidFor + 1} {
		if _, err := d.rotate(t, access.RotateOptions{ValidFor: validFor}); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("Rotate with %v = %v", validFor, err)
		}
	}
	if _, _, found, err := access.Rotate(t.Context(), d.clients, sha256.Sum256, "nobody", access.RotateOptions{}); found || err != nil {
		t.Errorf("Rotate of nobody = %v, %v", found, err)
	}
}

// TestThrottledRotation: while somebody fails with both user names of a client, both of
// its credentials are accepted.
func TestThrottledRotation(t *testing.T) {
	d := newDoor(t)
	next, err := d.rotate(t, access.RotateOptions{ValidFor: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, right := range []access.Attempt{d.right, next} {
		kinds := d.tries(t, 100, func(i int) access.Attempt {
			return access.Attempt{From: address(i), Username: right.Username, Password: "pwd_guess", APIKey: "key_guess"}
		})
		if kinds[sesuai.KindRateLimited] != 90 {
			t.Errorf("answers: %v", kinds)
		}
		assertKind(t, "the client itself", d.try(t, right), "")
	}
}
