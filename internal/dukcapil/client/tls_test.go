package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/dukcapil/client"
)

// authority signs certificates in a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "geheim CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// sign makes a certificate of the key, valid until then.
func (a *authority) sign(t testing.TB, key *ecdsa.PrivateKey, from, to time.Time, names ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "geheim host"}, NotBefore: from, NotAfter: to,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func pemOf(t testing.TB, c tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func pinOf(c tls.Certificate) string {
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// serveWith starts another server of the upstream, which shows that
// certificate, and makes the configuration's URLs its.
func (u *upstream) serveWith(t testing.TB, c *client.Config, conf *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(u.serve))
	s.TLS = conf
	s.EnableHTTP2 = slices.Contains(conf.NextProtos, "h2")
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	c.Data.URL, c.Face.URL = s.URL, s.URL
}

// TestHandshake: a handshake trusts whom calls trust, and calls nothing.
func TestHandshake(t *testing.T) {
	ca := newAuthority(t)
	now := time.Now()
	certificate := ca.sign(t, newKey(t), now.Add(-time.Hour), now.Add(time.Hour), "127.0.0.1")
	var called atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	defer s.Close()
	c := client.DefaultConfig()
	c.Data.URL, c.Face.URL = s.URL, s.URL
	c.TLS.Pins = pinOf(certificate)
	if err := client.Handshake(t.Context(), c); err != nil {
		t.Error(err)
	}
	c.TLS.Pins = strings.Repeat("0f", 32)
	err := client.Handshake(t.Context(), c)
	for _, key := range []string{"dukcapil.data.url: ", "dukcapil.face.url: ", "the server's key is not pinned"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("with another pin: %v, want %q", err, key)
		}
	}
	c.TLS.Pins, c.Face.URL = pinOf(certificate), "https://127.0.0.1:1"
	if err := client.Handshake(t.Context(), c); err == nil || strings.Contains(err.Error(), "data.url") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("where nothing listens: %v", err)
	}
	if n := called.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// TestTrust: whom a request is sent to, and whom never.
func TestTrust(t *testing.T) {
	ca, otherCA := newAuthority(t), newAuthority(t)
	now := time.Now()
	good := ca.sign(t, newKey(t), now.Add(-time.Hour), now.Add(time.Hour), "127.0.0.1")
	expired := ca.sign(t, newKey(t), now.Add(-2*time.Hour), now.Add(-time.Hour), "127.0.0.1")
	early := ca.sign(t, newKey(t), now.Add(time.Hour), now.Add(2*time.Hour), "127.0.0.1")
	otherName := ca.sign(t, newKey(t), now.Add(-time.Hour), now.Add(time.Hour), "dukcapil.invalid")
	identity := ca.sign(t, newKey(t), now.Add(-time.Hour), now.Add(time.Hour))
	otherClient := otherCA.sign(t, newKey(t), now.Add(-time.Hour), now.Add(time.Hour))
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)

	type with struct {
		pins, ca, name string
		client         *tls.Certificate
	}
	for _, test := range []struct {
		name        string
		cert        tls.Certificate
		with        with
		needsClient bool
		trusted     bool
	}{
		{"its pin", good, with{pins: pinOf(good)}, false, true},
		{"one of its pins", good, with{pins: pinOf(expired) + " sha256/" + strings.Repeat("A", 43) + "= " + pinOf(good)}, false, true},
		{"another pin", good, with{pins: pinOf(otherName)}, false, false},
		{"the pin of its CA", good, with{pins: pinOf(tls.Certificate{Leaf: ca.cert})}, false, false},
		{"its CA", good, with{ca: ca.pem()}, false, true},
		{"another CA", good, with{ca: otherCA.pem()}, false, false},
		{"several CAs", good, with{ca: otherCA.pem() + ca.pem()}, false, true},
		{"CA and pin", good, with{ca: ca.pem(), pins: pinOf(good)}, false, true},
		{"CA and another pin", good, with{ca: ca.pem(), pins: pinOf(expired)}, false, false},
		{"another CA and its pin", good, with{ca: otherCA.pem(), pins: pinOf(good)}, false, false},
		{"nothing", good, with{}, false, false},
		{"expired, CA", expired, with{ca: ca.pem()}, false, false},
		{"expired, pin", expired, with{pins: pinOf(expired)}, false, false},
		{"not yet valid, pin", early, with{pins: pinOf(early)}, false, false},
		{"another name, CA", otherName, with{ca: ca.pem()}, false, false},
		{"another name, told", otherName, with{ca: ca.pem(), name: "dukcapil.invalid"}, false, true},
		{"another name, pin", otherName, with{pins: pinOf(otherName)}, false, true},
		{"a client certificate", good, with{ca: ca.pem(), client: &identity}, true, true},
		{"no client certificate", good, with{ca: ca.pem()}, true, false},
		{"another CA's client certificate", good, with{ca: ca.pem(), client: &otherClient}, true, false},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			u := newUpstream(t)
			u.says(content("{" + agreeing + "}"))
			conf := &tls.Config{Certificates: []tls.Certificate{test.cert}, MinVersion: version, MaxVersion: version}
			if test.needsClient {
				conf.ClientAuth, conf.ClientCAs = tls.RequireAndVerifyClientCert, pool
			}
			r := u.open(t, func(o *client.Options) {
				u.serveWith(t, &o.Config, conf)
				o.Config.TLS = client.TLSConfig{Pins: test.with.pins, ServerName: test.with.name}
				if test.with.ca != "" {
					o.Config.TLS.CAFile = u.write(t, "ca.pem", test.with.ca)
				}
				if test.with.client != nil {
					cert, key := pemOf(t, *test.with.client)
					o.Config.TLS.ClientCertFile, o.Config.TLS.ClientKeyFile = u.write(t, "client.pem", cert), u.write(t, "client.key", key)
				}
			})
			_, err := r.Ask(t.Context(), dataQuestion(t))
			if (err == nil) != test.trusted {
				t.Errorf("%s, %x: %v", test.name, version, err)
			}
			if err == nil {
				continue
			}
			if retryAfter(t, err) != time.Minute || strings.Contains(err.Error(), "geheim") || u.requests() != 0 {
				t.Errorf("%s, %x: %v, %d requests", test.name, version, err, u.requests())
			}
			if diff := cmp.Diff([]string{"data tls"}, u.calls.classes(t)); diff != "" {
				t.Errorf("%s, %x: ledger (-want +got):\n%s", test.name, version, diff)
			}
		}
	}
}

// TestConnections: one serves many calls, in HTTP/1.1 and 2.
func TestConnections(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.sign(t, newKey(t), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "127.0.0.1")
	for _, protocols := range [][]string{{"http/1.1"}, {"h2"}} {
		u := newUpstream(t)
		var spoken atomic.Value
		u.does(func(w http.ResponseWriter, r *http.Request, _ map[string]any) {
			spoken.Store(r.Proto)
			_, _ = io.WriteString(w, content("{"+agreeing+"}"))
		})
		var handshakes atomic.Int64
		r := u.open(t, func(o *client.Options) {
			u.serveWith(t, &o.Config, &tls.Config{
				Certificates: []tls.Certificate{cert}, NextProtos: protocols,
				VerifyConnection: func(tls.ConnectionState) error { handshakes.Add(1); return nil },
			})
			o.Config.TLS.Pins = pinOf(cert)
		})
		for range 10 {
			if _, err := r.Ask(t.Context(), dataQuestion(t)); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]string{"http/1.1": "HTTP/1.1", "h2": "HTTP/2.0"}[protocols[0]]
		if spoken.Load() != want || handshakes.Load() != 1 {
			t.Errorf("%s on %d connections, want %s on one", spoken.Load(), handshakes.Load(), want)
		}
	}
}

// TestNoProxy: the environment does not send people's data elsewhere.
func TestNoProxy(t *testing.T) {
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("https_proxy", proxy.URL)
	u := newUpstream(t)
	u.says(content("{" + agreeing + "}"))
	r := u.open(t, func(o *client.Options) {
		// The proxy of the environment is not used for 127.0.0.1 in any case.
		o.Config.Data.URL = strings.Replace(u.URL, "127.0.0.1", "localhost.localdomain", 1)
		o.Config.Retry.Tries = 1
	})
	_, _ = r.Ask(t.Context(), dataQuestion(t))
	if asked.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

// TestFilesAreReadAgain: secrets, key, CA and client certificate are used as
// they are now; what cannot be used leaves what was, and is told once.
func TestFilesAreReadAgain(t *testing.T) {
	first, second := newAuthority(t), newAuthority(t)
	now := time.Now()
	u := newUpstream(t)
	u.says(content("{" + agreeing + "}"))
	certs := make(map[*authority]tls.Certificate)
	for _, a := range []*authority{first, second} {
		certs[a] = a.sign(t, newKey(t), now.Add(-time.Hour), now.Add(time.Hour), "127.0.0.1")
	}
	pool := x509.NewCertPool()
	pool.AddCert(first.cert)
	pool.AddCert(second.cert)
	var shown atomic.Pointer[tls.Certificate]
	show := func(a *authority) { c := certs[a]; shown.Store(&c) }
	show(first)
	var clientSeen atomic.Value
	conf := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{
			Certificates: []tls.Certificate{*shown.Load()},
			ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
			VerifyConnection: func(s tls.ConnectionState) error {
				clientSeen.Store(pinOf(tls.Certificate{Leaf: s.PeerCertificates[0]}))
				return nil
			},
		}, nil
	}}
	clients := map[*authority]tls.Certificate{}
	for _, a := range []*authority{first, second} {
		clients[a] = a.sign(t, newKey(t), now.Add(-time.Hour), now.Add(time.Hour))
	}
	cert, key := pemOf(t, clients[first])
	r := u.open(t, func(o *client.Options) {
		u.serveWith(t, &o.Config, conf)
		o.Config.TLS = client.TLSConfig{
			CAFile:         u.write(t, "ca.pem", first.pem()),
			ClientCertFile: u.write(t, "client.pem", cert), ClientKeyFile: u.write(t, "client.key", key),
		}
		o.Config.Retry.Tries = 1
	})
	works := func(when string) {
		t.Helper()
		if _, err := r.Ask(t.Context(), dataQuestion(t)); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
	}
	works("at first")

	// The client certificate is replaced, one file after the other.
	cert, key = pemOf(t, clients[second])
	u.write(t, "client.pem", cert)
	works("with half of a new certificate")
	if clientSeen.Load() != pinOf(clients[first]) || !strings.Contains(u.log.String(), "dukcapil.tls.client_key_file") {
		t.Error("half of a new certificate was used, or nobody was told")
	}
	u.write(t, "client.key", key)
	works("with a new certificate")
	if clientSeen.Load() != pinOf(clients[second]) {
		t.Error("the new client certificate is not used")
	}

	// The upstream's CA is replaced.
	show(second)
	u.write(t, "ca.pem", "nothing of use")
	works("with a broken CA file, on a connection that is there")
	if got := u.metric(t, "file_failures_total", "tls.ca_file"); got != 1 {
		t.Errorf("told %v times", got)
	}
	works("the same again")
	if got := u.metric(t, "file_failures_total", "tls.ca_file"); got != 1 {
		t.Errorf("told %v times", got)
	}
	u.write(t, "ca.pem", second.pem())
	works("with the new CA")

	// Secrets.
	u.write(t, "user", "NEW-USER")
	u.write(t, "password", "new-password\r\n")
	works("with new secrets")
	last := u.asked[len(u.asked)-1]
	if last["USER_ID"] != "NEW-USER" || last["PASSWORD"] != "new-password" {
		t.Errorf("sent %v and %v", last["USER_ID"], last["PASSWORD"])
	}
	if err := os.Remove(u.dir + "/password"); err != nil {
		t.Fatal(err)
	}
	works("without the file")
	if last := u.asked[len(u.asked)-1]; last["PASSWORD"] != "new-password" {
		t.Errorf("sent %v", last["PASSWORD"])
	}
	u.write(t, "password", "newer")
	works("with the file again")
	if last := u.asked[len(u.asked)-1]; last["PASSWORD"] != "newer" {
		t.Errorf("sent %v", last["PASSWORD"])
	}
	u.write(t, "credential", "newer/credential")
	u.says(matched("6018", "7"))
	if _, err := client.CompareFace(t.Context(), r, faceQuestion(t)); err != nil {
		t.Fatal(err)
	}
	if path := u.paths[len(u.paths)-1]; !strings.Contains(path, "newer%2Fcredential") {
		t.Errorf("path %s", path)
	}
	u.write(t, "key.pem", "nothing")
	if _, err := client.CompareFace(t.Context(), r, faceQuestion(t)); err != nil {
		t.Errorf("a broken key file: %v", err)
	}
}

// TestPublicKeys: the forms in which one may come.
func TestPublicKeys(t *testing.T) {
	key := &rsaKey().PublicKey
	pkix, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	frame := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	bare := strings.ReplaceAll(strings.TrimPrefix(strings.Split(string(frame("PUBLIC KEY", pkix)), "-----END")[0], "-----BEGIN PUBLIC KEY-----"), "-", "")
	for name, b := range map[string][]byte{
		"SPKI": frame("PUBLIC KEY", pkix), "PKCS #1": frame("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(key)), "no frame": []byte(bare),
	} {
		if got, err := client.ParsePublicKey(b); err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	private := x509.MarshalPKCS1PrivateKey(rsaKey())
	other, err := x509.MarshalPKIXPublicKey(&newKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": {}, "text": []byte("not a key"), "a private key": frame("RSA PRIVATE KEY", private), "an elliptic key": frame("PUBLIC KEY", other),
		"cut": frame("PUBLIC KEY", pkix[:100]),
	} {
		if _, err := client.ParsePublicKey(b); err == nil {
			t.Errorf("%s is a key", name)
		}
	}
}
