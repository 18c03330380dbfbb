package app

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

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
// path with -secrets after it. Files there are replaced. All have mode 0600, and
// all paths in the configuration are absolute.
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
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return err
	}
	files := make(map[string]string)
	for name, secret := range map[string]string{"user": account.UserID, "password": account.Password, "credential": account.Credential} {
		files[name] = filepath.Join(secrets, name)
		if err := writePrivate(files[name], []byte(secret+"\n")); err != nil {
			return err
		}
	}
	ip := "127.0.0.1"
	if len(account.IPs) > 0 {
		ip = account.IPs[0].String()
	}
	var c sandboxClient
	c.Dukcapil.Enabled = true
	c.Dukcapil.Data = sandboxDataClient{
		URL: s.URL + sc.BasePath, Customer: account.Customer, Method: sc.DataMethod, IP: ip,
		UserFile: files["user"], PasswordFile: files["password"],
	}
	c.Dukcapil.Face = sandboxFaceClient{
		URL: s.URL + sc.BasePath, Customer: account.Customer, Method: sc.FaceMethod, IP: ip, Scheme: s.Scheme,
		CredentialFile: files["credential"], UserFile: files["user"], PasswordFile: files["password"], PublicKeyFile: publicKey,
	}
	c.Dukcapil.TLS.Pins = s.Pin
	b, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return writePrivate(path, fmt.Appendf(nil, "# Sesuai in front of the sandbox at %s. sesuai dukcapil-sandbox has written it.\n%s", s.URL, b))
}

func writePrivate(path string, b []byte) error {
	return atomicfile.Write(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}
