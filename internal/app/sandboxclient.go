package app

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

// sandboxClientHeader begins the files that WriteSandboxClient writes, and only
// those does it replace.
const sandboxClientHeader = "# Sesuai in front of the sandbox at "

// sandboxClient is the part of a configuration that puts a service in front of a
// sandbox.
type sandboxClient struct {
	Dukcapil struct {
		Enabled bool              `yaml:"enabled"`
		Data    sandboxDataClient `yaml:"data"`
		Face    sandboxFaceClient `yaml:"face"`
		TLS     struct {
			Pins string `yaml:"pins"`
		} `yaml:"tls"`
	} `yaml:"dukcapil"`
}

type sandboxDataClient struct {
	URL          string `yaml:"url"`
	Customer     string `yaml:"customer"`
	Method       string `yaml:"method"`
	IP           string `yaml:"ip"`
	UserFile     string `yaml:"user_file"`
	PasswordFile string `yaml:"password_file"`
}

type sandboxFaceClient struct {
	URL            string `yaml:"url"`
	Customer       string `yaml:"customer"`
	Method         string `yaml:"method"`
	IP             string `yaml:"ip"`
	Scheme         string `yaml:"scheme"`
	CredentialFile string `yaml:"credential_file"`
	UserFile       string `yaml:"user_file"`
	PasswordFile   string `yaml:"password_file"`
	PublicKeyFile  string `yaml:"public_key_file"`
}

// WriteSandboxClient writes a configuration of a service in front of a sandbox to
// path, for the first account of sc. The secrets that it names are in the folder
// path with -secrets after it. All have mode 0600, and all paths in the
// configuration are absolute. It replaces what an earlier call wrote. If there is
// another file or folder, it writes nothing, and the error has kind
// sesuai.KindConflict.
func WriteSandboxClient(path string, sc sandbox.Config, s sandbox.Serving) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	publicKey, err := filepath.Abs(s.PublicKey)
	if err != nil {
		return err
	}
	account := sc.Accounts[0]
	secrets := path + "-secrets"
	if err := checkReplaceable(path, secrets); err != nil {
		return err
	}
	user, password, credential := filepath.Join(secrets, "user"), filepath.Join(secrets, "password"), filepath.Join(secrets, "credential")
	ip := "127.0.0.1"
	if len(account.IPs) > 0 {
		ip = account.IPs[0].String()
	}
	var c sandboxClient
	c.Dukcapil.Enabled = true
	c.Dukcapil.Data = sandboxDataClient{
		URL: s.URL + sc.BasePath, Customer: account.Customer, Method: sc.DataMethod, IP: ip,
		UserFile: user, PasswordFile: password,
	}
	c.Dukcapil.Face = sandboxFaceClient{
		URL: s.URL + sc.BasePath, Customer: account.Customer, Method: sc.FaceMethod, IP: ip, Scheme: s.Scheme,
		CredentialFile: credential, UserFile: user, PasswordFile: password, PublicKeyFile: publicKey,
	}
	c.Dukcapil.TLS.Pins = s.Pin
	b, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	// The configuration comes first: after a crash the next call may replace it.
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	text := fmt.Appendf(nil, "%s%s. sesuai dukcapil-sandbox has written it.\n%s", sandboxClientHeader, s.URL, b)
	if err := writePrivate(path, text); err != nil {
		return err
	}
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return err
	}
	for file, secret := range map[string]string{user: account.UserID, password: account.Password, credential: account.Credential} {
		if err := writePrivate(file, []byte(secret+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// checkReplaceable refuses a file that WriteSandboxClient has not written, and
// secrets without such a file.
func checkReplaceable(path, secrets string) error {
	b, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.HasPrefix(b, []byte(sandboxClientHeader)):
		return nil
	case err == nil:
		return &sesuai.Error{Kind: sesuai.KindConflict, Detail: path + " is there, and is no file that sesuai dukcapil-sandbox has written"}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := os.Lstat(secrets); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or[error](err, &sesuai.Error{Kind: sesuai.KindConflict, Detail: secrets + " is there without " + path})
	}
	return nil
}

func writePrivate(path string, b []byte) error {
	return atomicfile.Write(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}
