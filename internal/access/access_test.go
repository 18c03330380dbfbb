package access_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/accesstest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

// countingClients counts look-ups, and listings of the hashes.
type countingClients struct {
	accesstest.Memory
	lookups, listings int
}

func (c *countingClients) ClientByUsername(ctx context.Context, u [32]byte) (access.Client, access.Hashes, bool, error) {
	c.lookups++
	return c.Memory.ClientByUsername(ctx, u)
}

func (c *countingClients) ListHashes(ctx context.Context, at time.Time) ([]access.Hashes, error) {
	c.listings++
	return c.Memory.ListHashes(ctx, at)
}

// someAddress is where attempts come from.
var someAddress = netip.MustParseAddr("192.0.2.1")

// attempt is an attempt with these credentials.
func attempt(r access.Revealed) access.Attempt {
	return access.Attempt{From: someAddress, Username: r.Username, Password: r.Password, APIKey: r.APIKey}
}

// countingHash counts the hashes and the bytes that are hashed.
type countingHash struct{ calls, bytes int }

func (c *countingHash) hash(b []byte) [32]byte {
	c.calls++
	c.bytes += len(b)
	return sha256.Sum256(b)
}

// networks parses networks.
func networks(t *testing.T, texts ...string) (all []netip.Prefix) {
	t.Helper()
	for _, text := range texts {
		n, err := access.ParseNetwork(text)
		if err != nil {
			t.Fatalf("ParseNetwork(%q) = %v", text, err)
		}
		all = append(all, n)
	}
	return all
}

func valid() access.Client {
	return access.Client{
		Name: "Bank Karangan", Scopes: []access.Scope{access.FaceVerification},
		Threshold: sesuai.PercentageOf(75), NameThreshold: 85, Rate: 10, Burst: 20,
		Replay: access.Enforce, Liveness: access.Log,
	}
}

func TestAuthenticate(t *testing.T) {
	clients, hash := new(countingClients), new(countingHash)
	added, credentials, err := access.Add(t.Context(), clients, hash.hash, valid())
	if err != nil {
		t.Fatal(err)
	}
	another := valid()
	another.Name = "Koperasi Karangan"
	_, others, err := access.Add(t.Context(), clients, hash.hash, another)
	if err != nil {
		t.Fatal(err)
	}
	var failed []access.Failure
	auth := access.NewAuthenticator(access.AuthenticatorOptions{
		Clients: clients, Hash: hash.hash, Failed: func(f access.Failure) { failed = append(failed, f) },
	})
	r, other := credentials.Reveal(), others.Reveal()
	got, err := auth.Authenticate(t.Context(), attempt(r))
	if err != nil || got.ID != added.ID {
		t.Fatalf("Authenticate = %v, %v", got.ID, err)
	}

	long := strings.Repeat("x", 1<<20)
	wrong := []struct {
		name, username, password, apiKey string
		failure                          access.Failure
	}{
		{"unknown client", "usr_unknown", r.Password, r.APIKey, access.FailureUnknown},
		{"wrong password", r.Username, "pwd_wrong", r.APIKey, access.FailureWrong},
		{"wrong key", r.Username, r.Password, "key_wrong", access.FailureWrong},
		{"another's password", r.Username, other.Password, r.APIKey, access.FailureWrong},
		{"another's key", r.Username, r.Password, other.APIKey, access.FailureWrong},
		{"no username", "", r.Password, r.APIKey, access.FailureMissing},
		{"no password", r.Username, "", r.APIKey, access.FailureMissing},
		{"no key", r.Username, r.Password, "", access.FailureMissing},
		{"nothing", "", "", "", access.FailureMissing},
		{"key for password", r.Username, r.APIKey, r.Password, access.FailureWrong},
		{"password for username", r.Password, r.Password, r.APIKey, access.FailureUnknown},
		{"other case", strings.ToLower(r.Username), r.Password, r.APIKey, access.FailureUnknown},
		{"space behind", r.Username, r.Password + " ", r.APIKey, access.FailureWrong},
		{"too long", long, long, long, access.FailureMissing},
	}
	for _, test := range wrong {
		t.Run(test.name, func(t *testing.T) {
			calls, bytes, lookups := hash.calls, hash.bytes, clients.lookups
			failed = nil
			got, err := auth.Authenticate(t.Context(), access.Attempt{
				From: someAddress, Username: test.username, Password: test.password, APIKey: test.apiKey,
			})
			e, ok := errors.AsType[*sesuai.Error](err)
			if !ok || e.Kind != sesuai.KindUnauthenticated || e.Detail != "" || e.Err != nil || got.ID != "" {
				t.Errorf("Authenticate = %v, %v", got.ID, err)
			}
			if hash.calls-calls != 3 || clients.lookups-lookups != 1 {
				t.Errorf("%d hashes and %d look-ups, want 3 and 1", hash.calls-calls, clients.lookups-lookups)
			}
			if len(failed) != 1 || failed[0] != test.failure {
				t.Errorf("counted as %q, want %q", failed, test.failure)
			}
			if n := hash.bytes - bytes; n > 1000 {
				t.Errorf("%d bytes were hashed", n)
			}
		})
	}

	clients.Fail(errors.New("down"))
	if _, err := auth.Authenticate(t.Context(), attempt(r)); sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("without the clients, Authenticate = %v", err)
	}
}

func TestCredentials(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		c := access.NewCredentials()
		r := c.Reveal()
		for _, secret := range []string{r.Username, r.Password, r.APIKey} {
			// crypto/rand.Text: 26 letters and digits of base 32 are 130 bits.
			if len(secret) < 4+26 || strings.Trim(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567_usrpwdkey") != "" {
				t.Fatalf("credential %q", secret)
			}
			if seen[secret] {
				t.Fatal("a credential was made twice")
			}
			seen[secret] = true
		}
	}
}

func TestCredentialsHideThemselves(t *testing.T) {
	c := access.NewCredentials()
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "c", c, "p", &c)
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %v", c, c, c, c, c, c, &c) + string(encoded) + log.String()
	r := c.Reveal()
	for _, secret := range []string{r.Username, r.Password, r.APIKey} {
		if strings.Contains(printed, secret) || strings.Contains(printed, fmt.Sprintf("%x", secret)) {
			t.Errorf("printed credentials show: %s", printed)
		}
	}
	encoded, err = json.Marshal(r)
	want := fmt.Sprintf(`{"username":%q,"password":%q,"api_key":%q}`, r.Username, r.Password, r.APIKey)
	if err != nil || string(encoded) != want {
		t.Errorf("revealed as %s, want %s (%v)", encoded, want, err)
	}
}

func TestValidate(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"a", strings.Repeat("é", 64), "PT Contoh (uji)", "银行"} {
		c := valid()
		c.Name = name
		if err := c.Validate(); err != nil {
			t.Errorf("name %q: %v", name, err)
		}
	}
	tests := []struct {
		name   string
		change func(c *access.Client)
	}{
		{"no name", func(c *access.Client) { c.Name = "" }},
		{"name too long", func(c *access.Client) { c.Name = strings.Repeat("é", 65) }},
		{"space in front", func(c *access.Client) { c.Name = " a" }},
		{"space behind", func(c *access.Client) { c.Name = "a " }},
		{"only spaces", func(c *access.Client) { c.Name = "   " }},
		{"line feed", func(c *access.Client) { c.Name = "a\nb" }},
		{"escape", func(c *access.Client) { c.Name = "a\x1b[2Jb" }},
		{"no-break space", func(c *access.Client) { c.Name = "a\u00a0b" }},
		{"zero-width space", func(c *access.Client) { c.Name = "a\u200bb" }},
		{"right-to-left mark", func(c *access.Client) { c.Name = "a\u202eb" }},
		{"not UTF-8", func(c *access.Client) { c.Name = "a\xffb" }},
		{"no threshold", func(c *access.Client) { c.Threshold = sesuai.Percentage{} }},
		{"threshold too low", func(c *access.Client) { c.Threshold = sesuai.PercentageOf(74.99) }},
		{"name threshold too low", func(c *access.Client) { c.NameThreshold = 79 }},
		{"name threshold too high", func(c *access.Client) { c.NameThreshold = 101 }},
		{"negative rate", func(c *access.Client) { c.Rate = -1 }},
		{"rate not a number", func(c *access.Client) { c.Rate = math.NaN() }},
		{"endless rate", func(c *access.Client) { c.Rate = math.Inf(1) }},
		{"negative burst", func(c *access.Client) { c.Burst = -1 }},
		{"unknown replay policy", func(c *access.Client) { c.Replay = access.Enforce + 1 }},
		{"unknown liveness policy", func(c *access.Client) { c.Liveness = access.Enforce + 1 }},
		{"unknown precision", func(c *access.Client) { c.Precision = sesuai.PrecisionNone + 1 }},
		{"unknown consent policy", func(c *access.Client) { c.Consent = access.ConsentRequired + 1 }},
		{"note too long", func(c *access.Client) { c.Note = strings.Repeat("é", 201) }},
		{"note of two lines", func(c *access.Client) { c.Note = "a\nb" }},
		{"note not UTF-8", func(c *access.Client) { c.Note = "a\xff" }},
		{"expiry before there is one", func(c *access.Client) { c.ExpiresAt = time.Unix(0, 0) }},
		{"network with further bits", func(c *access.Client) { c.Networks = []netip.Prefix{netip.PrefixFrom(someAddress, 24)} }},
		{"network that is none", func(c *access.Client) { c.Networks = make([]netip.Prefix, 1) }},
		{"certificate twice", func(c *access.Client) { c.Certificates = []access.Fingerprint{{1}, {1}} }},
		{"no certificate", func(c *access.Client) { c.Certificates = []access.Fingerprint{{}} }},
		{"too many certificates", func(c *access.Client) {
			for i := range access.MaxCertificates + 1 {
				c.Certificates = append(c.Certificates, access.Fingerprint{1, byte(i)})
			}
		}},
		{"network twice", func(c *access.Client) { c.Networks = networks(t, "192.0.2.0/24", "192.0.2.0/24") }},
		{"too many networks", func(c *access.Client) {
			for n := range access.MaxNetworks + 1 {
				c.Networks = append(c.Networks, netip.PrefixFrom(address(n), 32))
			}
		}},
		{"no scope", func(c *access.Client) { c.Scopes = nil }},
		{"unknown scope", func(c *access.Client) { c.Scopes = []access.Scope{"everything"} }},
		{"scope of an unknown attribute", func(c *access.Client) { c.Scopes = []access.Scope{"identity.verification:shoe_size"} }},
		{"scope of the NIK", func(c *access.Client) { c.Scopes = []access.Scope{"identity.verification:nik"} }},
		{"scope of no attribute", func(c *access.Client) { c.Scopes = []access.Scope{"identity.verification:"} }},
		{"part of another scope", func(c *access.Client) { c.Scopes = []access.Scope{"identity.face_verification:name"} }},
		{"part beside the whole", func(c *access.Client) {
			c.Scopes = []access.Scope{access.DataVerificationOf(sesuai.RT), access.DataVerification}
		}},
		{"scope twice", func(c *access.Client) { c.Scopes = append(c.Scopes, c.Scopes[0]) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := valid()
			test.change(&c)
			err := c.Validate()
			e, ok := errors.AsType[*sesuai.Error](err)
			if !ok || e.Kind != sesuai.KindConfiguration || e.Detail == "" {
				t.Errorf("Validate = %v", err)
			}
			clients := new(accesstest.Memory)
			_, _, err = access.Add(t.Context(), clients, new(countingHash).hash, c)
			if listed, _ := clients.ListClients(t.Context()); err == nil || len(listed) != 0 {
				t.Errorf("Add = %v", err)
			}
		})
	}
}

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.0/24": "192.0.2.0/24", "0.0.0.0/0": "0.0.0.0/0", "2001:db8::1": "2001:db8::1/128", "::/0": "::/0",
	} {
		if n, err := access.ParseNetwork(text); err != nil || n.String() != want {
			t.Errorf("ParseNetwork(%q) = %v, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "any", "192.0.2.7/24", "192.0.2.0/33", "fe80::1%eth0", "::ffff:192.0.2.7", "::ffff:0.0.0.0/96", "192.0.2.0/24 ", "bank.example"} {
		if n, err := access.ParseNetwork(text); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("ParseNetwork(%q) = %v, %v", text, n, err)
		}
	}
}

func TestAuthorize(t *testing.T) {
	c := valid()
	if err := c.Authorize(access.FaceVerification); err != nil {
		t.Error(err)
	}
	c.Scopes = nil
	if err := c.Authorize(access.FaceVerification); sesuai.KindOf(err) != sesuai.KindForbidden {
		t.Errorf("Authorize without the scope = %v", err)
	}
}

// TestAuthorizeClaim: a client has every attribute compared, or those of its scopes.
func TestAuthorizeClaim(t *testing.T) {
	of := access.DataVerificationOf
	both := []sesuai.Attribute{sesuai.NameAttribute, sesuai.Address}
	for name, test := range map[string]struct {
		scopes          []access.Scope
		endpoint, claim bool
	}{
		"all":         {[]access.Scope{access.DataVerification}, true, true},
		"these two":   {[]access.Scope{of(sesuai.NameAttribute), access.FaceVerification, of(sesuai.Address)}, true, true},
		"one of them": {[]access.Scope{of(sesuai.Address)}, true, false},
		"others":      {[]access.Scope{of(sesuai.RT)}, true, false},
		"faces":       {[]access.Scope{access.FaceVerification}, false, false},
	} {
		c := valid()
		c.Scopes = test.scopes
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Authorize(access.DataVerification); (err == nil) != test.endpoint || err != nil && sesuai.KindOf(err) != sesuai.KindForbidden {
			t.Errorf("%s: Authorize = %v", name, err)
		}
		if err := c.AuthorizeClaim(both); (err == nil) != test.claim || err != nil && sesuai.KindOf(err) != sesuai.KindForbidden {
			t.Errorf("%s: AuthorizeClaim = %v", name, err)
		}
	}
}

func TestPolicies(t *testing.T) {
	for p, name := range map[access.Policy]string{access.Off: "off", access.Log: "log", access.Enforce: "enforce"} {
		if got, err := access.ParsePolicy(name); err != nil || got != p || p.String() != name {
			t.Errorf("ParsePolicy(%q) = %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "on", "Log", "log "} {
		if _, err := access.ParsePolicy(name); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("ParsePolicy(%q) = %v", name, err)
		}
	}
	if got := (access.Enforce + 1).String(); got != "" {
		t.Errorf("an unknown policy is called %q", got)
	}
	if err := (access.Client{Name: "a"}).Validate(); err == nil {
		t.Error("a client without policies is valid")
	}
	c := valid()
	c.Replay, c.Liveness = 0, 0
	added, _, err := access.Add(t.Context(), new(accesstest.Memory), new(countingHash).hash, c)
	if err != nil || added.Replay != access.Log || added.Liveness != access.Off {
		t.Errorf("the defaults are %q and %q, %v", added.Replay, added.Liveness, err)
	}
}

func TestAtOnce(t *testing.T) {
	for c, want := range map[[2]float64]int{{5, 10}: 10, {5, 0}: 5, {0.2, 0}: 1, {2.5, 0}: 3} {
		if got := (access.Client{Rate: c[0], Burst: int(c[1])}).AtOnce(); got != want {
			t.Errorf("%g a second, burst %g: %d at once, want %d", c[0], c[1], got, want)
		}
	}
}
