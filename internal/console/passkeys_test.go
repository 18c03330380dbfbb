package console_test

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/operator/operatortest"
)

func newDevice() *operatortest.Device { return operatortest.NewDevice(origin, "localhost") }

// signPasskey has the device sign what the browser asks for, and sends it.
func (b *browser) signPasskey(t *testing.T, d *operatortest.Device) answer {
	t.Helper()
	options := b.post("/signin/passkey/challenge", nil)
	if options.status != 200 || options.header.Get("Content-Type") != "application/json" {
		t.Fatalf("a challenge: %d %s", options.status, options.text)
	}
	return b.post("/signin/passkey", url.Values{"credential": {d.Sign(t, []byte(options.text))}})
}

// makePasskey has the device make a passkey for the fields of a page.
func (b *browser) makePasskey(t *testing.T, d *operatortest.Device, path string, fields url.Values) answer {
	t.Helper()
	options := b.post(path+"/challenge", fields)
	if options.status != 200 {
		t.Fatalf("%s: %d %s", path, options.status, options.text)
	}
	fields.Set("credential", d.Make(t, []byte(options.text)))
	return b.post(path, fields)
}

// enrolPasskey adds an operator, who enrols with a passkey.
func (w *world) enrolPasskey(t *testing.T, name string, role operator.Role) *operatortest.Device {
	t.Helper()
	_, invitation, err := w.operators.Add(t.Context(), name, role)
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice()
	page := w.browser().makePasskey(t, d, "/enrol/passkey", url.Values{"name": {name}, "invitation": {invitation.Reveal()}, "passkey": {hostile[:40]}})
	if page.status != 200 || !strings.Contains(page.text, "You are enrolled. Sign in with the passkey.") {
		t.Fatalf("enrolled: %d %s", page.status, page.text)
	}
	w.pass(time.Second)
	return d
}

// TestPasskeyPages: enrolling and signing in with a passkey, adding one and removing one.
func TestPasskeyPages(t *testing.T) {
	w := open(t)
	d := w.enrolPasskey(t, "sari", operator.Support)
	b := w.browser()
	if page := b.signPasskey(t, d); page.status != 303 || page.header.Get("Location") != "/verifications" || b.cookie == "" || b.ticket != "" {
		t.Fatalf("signed in: %d, cookie %q, ticket %q", page.status, b.cookie, b.ticket)
	}
	page := b.get("/passkeys")
	assertHeaders(t, "passkeys", page)
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page.text)
	if id == nil || !strings.Contains(page.text, "&lt;script&gt;") {
		t.Fatalf("no passkey of that name: %s", page.text)
	}
	if page := b.post("/passkeys/remove", url.Values{"id": {id[1]}}); page.status != 409 || !strings.Contains(page.text, "your only way to sign in") {
		t.Errorf("the last one: %d", page.status)
	}
	if page := b.post("/passkeys", url.Values{"passkey": {"phone"}, "credential": {"{}"}}); page.status != 400 || !strings.Contains(page.text, "was not added") {
		t.Errorf("no passkey: %d", page.status)
	}
	second := newDevice()
	if page := b.makePasskey(t, second, "/passkeys", url.Values{"passkey": {"phone"}}); page.status != 200 || !strings.Contains(page.text, ">phone</th>") {
		t.Fatalf("added: %d %s", page.status, page.text)
	}
	if page := b.post("/passkeys/remove", url.Values{"id": {id[1]}}); page.status != 200 || strings.Contains(page.text, "&lt;script&gt;") {
		t.Errorf("removed: %d", page.status)
	}
	if page := w.browser().signPasskey(t, d); page.status != 401 || !strings.Contains(page.text, "The passkey was not accepted.") {
		t.Errorf("a passkey that was removed: %d", page.status)
	}
	w.pass(time.Second)
	if page := w.browser().signPasskey(t, second); page.status != 303 {
		t.Errorf("the other one: %d", page.status)
	}
}

// TestPasskeyElsewhere: at an IP address, or another name, the page says where passkeys work.
func TestPasskeyElsewhere(t *testing.T) {
	w := open(t)
	for host, here := range map[string]bool{"localhost:8081": true, "127.0.0.1:8081": false, "localhost:9000": false, "attacker.example": false} {
		b := w.browser()
		b.host = host
		page := b.get("/signin")
		if got := strings.Contains(page.text, "/assets/passkey.mjs"); got != here {
			t.Errorf("%s: the script is there: %t", host, got)
		}
		if got := strings.Contains(page.text, "work at one address alone: http://localhost:8081"); got == here {
			t.Errorf("%s: another address is named: %t", host, got)
		}
	}
}

// TestPasskeyReplay: what was signed for one browser is of no use in another one, and of
// no use again.
func TestPasskeyReplay(t *testing.T) {
	w := open(t)
	d := w.enrolPasskey(t, "sari", operator.Admin)
	victim := w.browser()
	options := victim.post("/signin/passkey/challenge", nil)
	ticket, fields := victim.ticket, url.Values{"credential": {d.Sign(t, []byte(options.text))}}
	thief := w.browser()
	if page := thief.post("/signin/passkey", fields); page.status != 401 || thief.cookie != "" {
		t.Errorf("without a ticket: %d", page.status)
	}
	thief.post("/signin/passkey/challenge", nil)
	if page := thief.post("/signin/passkey", fields); page.status != 401 || thief.cookie != "" {
		t.Errorf("with a ticket of its own: %d", page.status)
	}
	if page := victim.post("/signin/passkey", fields); page.status != 303 {
		t.Fatalf("the right browser: %d", page.status)
	}
	thief.ticket = ticket
	if page := thief.post("/signin/passkey", fields); page.status != 401 || thief.cookie != "" {
		t.Errorf("once more: %d", page.status)
	}
}

// TestPasskeyFixation: an id that a browser had before signing in with a passkey is no
// session afterwards.
func TestPasskeyFixation(t *testing.T) {
	w := open(t)
	d := w.enrolPasskey(t, "sari", operator.Admin)
	for what, before := range map[string]string{"set by another": "AAAAAAAAAAAAAAAAAAAAAAAAAA", "of an earlier sign-in": w.signIn(t, "auditor").cookie} {
		w.pass(time.Second)
		b := w.browser()
		b.cookie = before
		if page := b.signPasskey(t, d); page.status != 303 || b.cookie == before {
			t.Errorf("signing in with an id %s: %d", what, page.status)
		}
		old := w.browser()
		old.cookie = before
		if page := old.get("/verifications"); page.status != 303 {
			t.Errorf("the id %s is a session: %d", what, page.status)
		}
	}
}

// TestPasskeySpraying: an address that sends signatures of a device that nobody knows is
// told to wait; others sign in meanwhile.
func TestPasskeySpraying(t *testing.T) {
	w := open(t)
	d := w.enrolPasskey(t, "sari", operator.Admin)
	b, unknown := w.browser(), newDevice()
	b.from = netip.MustParseAddr("203.0.113.7")
	unknown.Options.UserHandle = []byte("opr_NOBODY")
	var last answer
	tries := 0
	for ; tries < 100 && last.status != 429; tries++ {
		last = b.signPasskey(t, unknown)
	}
	if tries > 25 || last.header.Get("Retry-After") == "" {
		t.Errorf("after %d attempts %d, Retry-After %q", tries, last.status, last.header.Get("Retry-After"))
	}
	if page := w.browser().signPasskey(t, d); page.status != 303 {
		t.Errorf("another address: %d", page.status)
	}
}
