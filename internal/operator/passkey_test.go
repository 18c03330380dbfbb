package operator_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/operator/operatortest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

const consoleOrigin = "https://console.bank.example:8081"

var office = netip.MustParseAddr("192.0.2.7")

func newDevice() *operatortest.Device {
	return operatortest.NewDevice(consoleOrigin, "console.bank.example")
}

// passkeys are those of a node.
func (w *world) passkeys(t *testing.T, s *operator.Store) *operator.Passkeys {
	t.Helper()
	p, err := s.PasskeysAt(consoleOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// addWithPasskey adds an operator, who enrols with the device.
func (w *world) addWithPasskey(t *testing.T, name string, d *operatortest.Device) operator.Operator {
	t.Helper()
	o, invitation, err := w.Add(t.Context(), name, operator.Admin)
	if err != nil {
		t.Fatal(err)
	}
	p, a := w.passkeys(t, w.Store), operator.Attempt{From: office, Name: name, Invitation: invitation.Reveal()}
	options, ticket, err := p.InvitedChallenge(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Enrol(t.Context(), a, operator.NewPasskey{Name: "laptop", Ticket: ticket.Reveal(), Made: d.Make(t, options)}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	return o
}

// sign returns the ticket of a challenge of the first node, and what the device signs.
func (w *world) sign(t *testing.T, d *operatortest.Device) (ticket, signed string) {
	t.Helper()
	options, text, err := w.passkeys(t, w.Store).Challenge()
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal(), d.Sign(t, options)
}

// TestPasskey: an operator enrols with a passkey and signs in with it, on another node
// than that of the challenge; what was signed is accepted once; each step is an event.
func TestPasskey(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := open(t, d)
		device := newDevice()
		w.addWithPasskey(t, "budi", device)
		other := w.passkeys(t, w.other)
		ticket, signed := w.sign(t, device)
		id, o, err := other.SignIn(t.Context(), office, ticket, signed)
		if err != nil || o.Name != "budi" || !o.Enrolled || !w.active(t, id.Reveal()) {
			t.Fatalf("signed in as %+v, %v", o, err)
		}
		if _, _, err := w.passkeys(t, w.Store).SignIn(t.Context(), office, ticket, signed); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
			t.Errorf("what was signed is accepted again: %v", err)
		}
		all, err := w.ListPasskeys(t.Context(), o)
		if err != nil || len(all) != 1 || all[0].Name != "laptop" || !all[0].UsedAt.Equal(w.now) || !all[0].AddedAt.Before(w.now) {
			t.Errorf("passkeys %+v, %v", all, err)
		}
		want := []string{"operator.add by root", "operator.enrol by operator:budi", "operator.signin by operator:budi", "operator.refused by operator?"}
		if got := w.events(t); !slices.Equal(got, want) {
			t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestPasskeyRefused: what a device signs elsewhere, for somebody else, without its
// owner, or for another challenge is refused, and so is whoever is disabled or reset.
func TestPasskeyRefused(t *testing.T) {
	w := open(t, engines.SQLite(t))
	device, saris := newDevice(), newDevice()
	budi, sari := w.addWithPasskey(t, "budi", device), w.addWithPasskey(t, "sari", saris)
	p := w.passkeys(t, w.Store)
	for what, forge := range map[string]func() (ticket, signed string){
		"another origin": func() (string, string) {
			d := *device
			d.RP.Origin = "https://console.bank.example.attacker.example"
			return w.sign(t, &d)
		},
		"another port": func() (string, string) {
			d := *device
			d.RP.Origin = "https://console.bank.example:9000"
			return w.sign(t, &d)
		},
		"without TLS": func() (string, string) {
			d := *device
			d.RP.Origin = "http://console.bank.example:8081"
			return w.sign(t, &d)
		},
		"another relying party": func() (string, string) {
			d := *device
			d.RP.ID = "bank.example"
			return w.sign(t, &d)
		},
		"the owner is not verified": func() (string, string) {
			d := *device
			d.Options.UserNotVerified = true
			return w.sign(t, &d)
		},
		"nobody is present": func() (string, string) {
			d := *device
			d.Options.UserNotPresent = true
			return w.sign(t, &d)
		},
		"another operator's passkey": func() (string, string) {
			d := *device
			d.Options.UserHandle = []byte(sari.ID)
			return w.sign(t, &d)
		},
		"another key": func() (string, string) {
			d := *device
			d.Credential.Key = saris.Credential.Key
			return w.sign(t, &d)
		},
		"no operator": func() (string, string) {
			d := *device
			d.Options.UserHandle = []byte("opr_\x00\xff")
			return w.sign(t, &d)
		},
		"another challenge": func() (string, string) {
			_, signed := w.sign(t, device)
			ticket, _ := w.sign(t, device)
			return ticket, signed
		},
		"no ticket": func() (string, string) {
			_, signed := w.sign(t, device)
			return "", signed
		},
		"an altered ticket": func() (string, string) {
			ticket, signed := w.sign(t, device)
			return "z" + ticket, signed
		},
		"a ticket for something else": func() (string, string) {
			options, ticket, err := p.ChallengeOf(t.Context(), budi)
			if err != nil {
				t.Fatal(err)
			}
			return ticket.Reveal(), device.Sign(t, options)
		},
		"too late": func() (string, string) {
			ticket, signed := w.sign(t, device)
			w.pass(operator.TicketLife)
			return ticket, signed
		},
	} {
		w.pass(time.Hour) // no address has to wait
		ticket, signed := forge()
		if _, _, err := p.SignIn(t.Context(), office, ticket, signed); sesuai.KindOf(err) != sesuai.KindUnauthenticated || err.Error() != string(sesuai.KindUnauthenticated) {
			t.Errorf("%s: %v", what, err)
		}
	}
	try := func(d *operatortest.Device) error {
		w.pass(time.Minute)
		ticket, signed := w.sign(t, d)
		_, _, err := p.SignIn(t.Context(), office, ticket, signed)
		return err
	}
	if err := try(device); err != nil {
		t.Errorf("the right one: %v", err)
	}
	for _, text := range []string{"", "{}", "null", strings.Repeat("[", 9999)} {
		if _, _, err := p.SignIn(t.Context(), office, "", text); sesuai.KindOf(err) != sesuai.KindMalformed {
			t.Errorf("%.9q: %v", text, err)
		}
	}
	if _, err := w.SetDisabled(t.Context(), "budi", true); err != nil {
		t.Fatal(err)
	}
	if err := try(device); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
		t.Errorf("who is disabled signs in: %v", err)
	}
	if _, _, _, err := w.Reset(t.Context(), "sari"); err != nil {
		t.Fatal(err)
	}
	if err := try(saris); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
		t.Errorf("who is reset signs in: %v", err)
	}
}

// TestPasskeyCloned: a counter that has not increased is refused, and recorded.
func TestPasskeyCloned(t *testing.T) {
	w := open(t, engines.SQLite(t))
	device := newDevice()
	device.Credential.Counter = 7
	w.addWithPasskey(t, "budi", device)
	for _, test := range []struct {
		counter uint32
		want    sesuai.Kind
	}{{8, ""}, {8, sesuai.KindUnauthenticated}, {3, sesuai.KindUnauthenticated}, {0, sesuai.KindUnauthenticated}, {9, ""}} {
		w.pass(time.Minute)
		device.Credential.Counter = test.counter
		ticket, signed := w.sign(t, device)
		if _, _, err := w.passkeys(t, w.Store).SignIn(t.Context(), office, ticket, signed); sesuai.KindOf(err) != test.want {
			t.Errorf("counter %d: %v", test.counter, err)
		}
	}
	want := []string{"operator.signin by operator:budi", "operator.passkey.cloned by operator?", "operator.passkey.cloned by operator?", "operator.passkey.cloned by operator?", "operator.signin by operator:budi"}
	if got := w.events(t); !slices.Equal(got[2:], want) {
		t.Errorf("events %v", got)
	}
}

// TestNewPasskeyRefused: a passkey is added at the console, for who has asked, with its owner
// verified, once.
func TestNewPasskeyRefused(t *testing.T) {
	w := open(t, engines.SQLite(t))
	p := w.passkeys(t, w.Store)
	budi := w.add(t, "budi", operator.Admin)
	_, o, err := w.SignIn(t.Context(), budi.attempt(t))
	if err != nil {
		t.Fatal(err)
	}
	sari := w.addWithPasskey(t, "sari", newDevice())
	make := func(owner operator.Operator, change func(*operatortest.Device)) operator.NewPasskey {
		t.Helper()
		options, ticket, err := p.ChallengeOf(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		d := newDevice()
		change(d)
		return operator.NewPasskey{Name: "phone", Ticket: ticket.Reveal(), Made: d.Make(t, options)}
	}
	as := func(*operatortest.Device) {}
	foreign, late := make(sari, as), make(o, as)
	unsolicited := make(o, as)
	unsolicited.Ticket = late.Ticket
	for what, n := range map[string]operator.NewPasskey{
		"another origin":        make(o, func(d *operatortest.Device) { d.RP.Origin = "https://attacker.example" }),
		"another relying party": make(o, func(d *operatortest.Device) { d.RP.ID = "attacker.example" }),
		"not verified":          make(o, func(d *operatortest.Device) { d.Options.UserNotVerified = true }),
		"another operator's":    foreign,
		"another challenge":     unsolicited,
		"nothing":               {Name: "phone", Ticket: late.Ticket},
	} {
		if err := p.Add(t.Context(), o, n); sesuai.KindOf(err) != sesuai.KindMalformed {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, name := range []string{"", strings.Repeat("é", 41), "\xff"} {
		n := make(o, as)
		n.Name = name
		if err := p.Add(t.Context(), o, n); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for range operator.MaxPasskeys {
		n := make(o, as)
		if err := p.Add(t.Context(), o, n); err != nil {
			t.Fatal(err)
		}
		if err := p.Add(t.Context(), o, n); sesuai.KindOf(err) != sesuai.KindMalformed {
			t.Errorf("once more: %v", err)
		}
	}
	if err := p.Add(t.Context(), o, make(o, as)); sesuai.KindOf(err) != sesuai.KindConfiguration {
		t.Errorf("one too many: %v", err)
	}
	w.pass(operator.TicketLife)
	if err := p.Add(t.Context(), o, late); sesuai.KindOf(err) != sesuai.KindMalformed {
		t.Errorf("too late: %v", err)
	}
	if _, err := w.PasskeysAt("http://127.0.0.1:8081"); err == nil {
		t.Error("there are passkeys at an IP address")
	}
}

// TestRemovePasskey: who has removed a passkey keeps the session, other sessions end, and the last way to
// sign in stays.
func TestRemovePasskey(t *testing.T) {
	w := open(t, engines.SQLite(t))
	device := newDevice()
	o := w.addWithPasskey(t, "budi", device)
	p := w.passkeys(t, w.Store)
	signIn := func() string {
		t.Helper()
		w.pass(time.Second)
		ticket, signed := w.sign(t, device)
		id, _, err := p.SignIn(t.Context(), office, ticket, signed)
		if err != nil {
			t.Fatal(err)
		}
		return id.Reveal()
	}
	first, second := signIn(), signIn()
	all, err := w.ListPasskeys(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.RemovePasskey(t.Context(), o, all[0].ID, first); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("the last one: %v", err)
	}
	options, ticket, err := p.ChallengeOf(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Add(t.Context(), o, operator.NewPasskey{Name: "phone", Ticket: ticket.Reveal(), Made: newDevice().Make(t, options)}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"": false, "+": false, "AAAA": false, all[0].ID: true} {
		if found, err := w.RemovePasskey(t.Context(), o, id, first); found != want || err != nil {
			t.Errorf("%q: %t, %v", id, found, err)
		}
	}
	if !w.active(t, first) || w.active(t, second) {
		t.Error("not just the other sessions have ended")
	}
	if got := w.events(t); !slices.Equal(got[len(got)-2:], []string{"operator.passkey.add by operator:budi", "operator.passkey.remove by operator:budi"}) {
		t.Errorf("events %v", got)
	}
}

// TestKeptOut: whoever fails in an operator's name keeps its password waiting, and not its
// passkey. An address that fails has to wait.
func TestKeptOut(t *testing.T) {
	w := open(t, engines.SQLite(t))
	device := newDevice()
	w.addWithPasskey(t, "budi", device)
	p := w.passkeys(t, w.Store)
	for i := range 50 {
		_, _, err := w.SignIn(t.Context(), operator.Attempt{Name: "budi", Password: password, From: netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})})
		if err == nil {
			t.Fatal("signed in")
		}
		w.pass(10 * time.Second)
	}
	ticket, signed := w.sign(t, device)
	if _, _, err := p.SignIn(t.Context(), office, ticket, signed); err != nil {
		t.Errorf("the passkey has to wait: %v", err)
	}
	attacker, tries := netip.MustParseAddr("203.0.113.9"), 0
	for ; tries < 100; tries++ {
		if _, _, err := p.SignIn(t.Context(), attacker, ticket, signed); sesuai.KindOf(err) == sesuai.KindRateLimited {
			break
		}
	}
	if tries > 25 {
		t.Errorf("%d attempts from one address", tries)
	}
	w.pass(time.Second)
	ticket, signed = w.sign(t, device)
	if _, _, err := p.SignIn(t.Context(), attacker, ticket, signed); sesuai.KindOf(err) != sesuai.KindRateLimited {
		t.Errorf("an address that has to wait: %v", err)
	}
	if _, _, err := p.SignIn(t.Context(), office, ticket, signed); err != nil {
		t.Errorf("another address: %v", err)
	}
}
