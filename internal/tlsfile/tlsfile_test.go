package tlsfile_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/tlsfile"
	"github.com/sesuai/sesuai/internal/tlsfile/tlsfiletest"
)

// shown returns the serial number of the certificate that a handshake shows.
func shown(t *testing.T, c *tls.Config, roots *x509.CertPool) int64 {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if server, err := l.Accept(); err == nil {
			_ = server.(*tls.Conn).Handshake()
			_ = server.Close()
		}
	}()
	client, err := tls.DialWithDialer(&net.Dialer{Timeout: 30 * time.Second}, "tcp", l.Addr().String(), &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return client.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// TestReload: a new pair is shown at once, and files that cannot be used leave the old
// one in force.
func TestReload(t *testing.T) {
	authority := tlsfiletest.NewAuthority(t)
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	later := time.Now().Add(time.Hour)
	first, second := authority.Issue(t, later), authority.Issue(t, later)
	tlsfiletest.Write(t, first, cert, key)
	var loaded, failed int
	f, err := tlsfile.Open(tlsfile.Options{
		Cert: cert, Key: key, Loaded: func(*x509.Certificate) { loaded++ }, Failed: func(error) { failed++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	c := f.Config()
	want := first.Leaf.SerialNumber.Int64()
	secondCert, secondKey := tlsfiletest.PEM(t, second)
	for name, change := range map[string]func(){
		"another key":      func() { tlsfiletest.Write(t, second, filepath.Join(folder, "other.pem"), key) },
		"a truncated key":  func() { write(t, key, secondKey[:len(secondKey)/2]) },
		"a truncated cert": func() { write(t, cert, secondCert[:20]) },
		"no cert":          func() { remove(t, cert) },
		"a key for others": func() { chmod(t, key, 0o644) },
		"an expired one":   func() { tlsfiletest.Write(t, authority.Issue(t, time.Now().Add(-time.Minute)), cert, key) },
	} {
		tlsfiletest.Write(t, first, cert, key)
		chmod(t, key, 0o640)
		change()
		before := failed
		if err := f.Reload(); err == nil || failed != before+1 {
			t.Errorf("%s: %v, told %d times", name, err, failed-before)
		}
		if got := shown(t, c, authority.Pool); got != want {
			t.Errorf("%s: certificate %d, want %d", name, got, want)
		}
	}
	tlsfiletest.Write(t, second, cert, key)
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if got, want := shown(t, c, authority.Pool), second.Leaf.SerialNumber.Int64(); got != want || loaded != 2 {
		t.Errorf("certificate %d, want %d; %d were loaded", got, want, loaded)
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
