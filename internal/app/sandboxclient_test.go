package app_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

// TestWriteSandboxClient: the configuration is complete whatever the sandbox's
// settings, and only its owner may read it and its secrets.
func TestWriteSandboxClient(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "client.yaml")
	serving := sandbox.Serving{
		URL: "https://127.0.0.1:8643", Pin: strings.Repeat("A", 43) + "=", Scheme: sandbox.SchemeOAEP, PublicKey: filepath.Join(dir, "key.pub"),
	}
	sc := sandbox.DefaultConfig()
	sc.BasePath, sc.DataMethod, sc.FaceMethod = "/api", "CALL: NIK", "CALL_FACE"
	sc.Accounts = []sandbox.Account{{
		UserID: "user", Password: "two words", Customer: "0077", Credential: "#credential", IPs: []netip.Addr{netip.MustParseAddr("10.1.2.3")},
	}}
	for range 2 { // the second time it replaces the files
		if err := app.WriteSandboxClient(path, sc, serving); err != nil {
			t.Fatal(err)
		}
	}
	c, err := app.LoadConfig(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Dukcapil
	if !d.Enabled || d.Data.URL != "https://127.0.0.1:8643/api" || d.Face.URL != d.Data.URL || d.Data.Method != "CALL: NIK" ||
		d.Face.Method != "CALL_FACE" || d.Data.Customer != "0077" || d.Data.IP != "10.1.2.3" || d.Face.IP != d.Data.IP ||
		d.Face.Scheme != sandbox.SchemeOAEP || d.TLS.Pins != serving.Pin || d.Face.PublicKeyFile != serving.PublicKey {
		t.Errorf("%+v", d)
	}
	for path, want := range map[string]string{
		path: "", d.Data.UserFile: "user\n", d.Face.PasswordFile: "two words\n", d.Face.CredentialFile: "#credential\n",
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
		if b, err := os.ReadFile(path); want != "" && string(b) != want {
			t.Errorf("%s holds %q, %v", path, b, err)
		}
	}
}
