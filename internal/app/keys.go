package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/kms"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/vault"
)

// MasterKeys are the keys that the database is sealed with.
type MasterKeys interface {
	// Keys lists them, oldest first.
	Keys(ctx context.Context) ([]people.MasterKey, error)
	// AddKey makes the file of a further key and returns its number.
	AddKey(ctx context.Context) (byte, error)
	// Rotate moves everybody to the key that was added last. progress may be
	// nil.
	Rotate(ctx context.Context, progress func(Rotation)) (Rotation, error)
	// SealFiles has the KMS seal the key files that are plain, and UnsealFiles opens
	// those that are sealed. Both return the numbers of the keys whose files were
	// replaced, also with an error.
	SealFiles(ctx context.Context) ([]byte, error)
	UnsealFiles(ctx context.Context) ([]byte, error)
}

// masterKeys has the files of the vault. The people are what a rotation moves.
type masterKeys struct {
	*people.Registry
	*vault.Vault
}

// Keys implements MasterKeys.
func (k masterKeys) Keys(ctx context.Context) ([]people.MasterKey, error) {
	return k.Registry.Keys(ctx)
}

// Rotation is the state of a rotation of the master keys.
type Rotation = people.Rotation

// MasterKeyPath is the path of the master key of that number.
func (c Config) MasterKeyPath(id byte) string { return keyring.Path(c.masterKeyPath(), id) }

// credentialsVariable names the folder of a service's credentials (systemd.exec(5)).
const credentialsVariable = "CREDENTIALS_DIRECTORY"

// masterKeyPath is the path of the first master key.
func (c Config) masterKeyPath() string {
	if c.MasterKey == "" {
		return filepath.Join(c.Data, "master.key")
	}
	if name, ok := c.masterKeyCredential(); ok {
		return filepath.Join(os.Getenv(credentialsVariable), name)
	}
	return c.MasterKey
}

// masterKeyCredential returns the name of the credential that is the first master
// key.
func (c Config) masterKeyCredential() (name string, ok bool) {
	return strings.CutPrefix(c.MasterKey, "$"+credentialsVariable+"/")
}

// openRing opens the master keys. create makes the first one if there is none.
func openRing(ctx context.Context, c Config, create bool) (*keyring.Ring, error) {
	if _, ok := c.masterKeyCredential(); ok && os.Getenv(credentialsVariable) == "" {
		return nil, config.Refuse(config.Mistakef("master_key",
			"it is a credential of systemd, and $%s is not set: run the command as docs/operate/keys.md says", credentialsVariable))
	}
	o := keyring.Options{Path: c.masterKeyPath(), Create: create, Credentials: os.Getenv(credentialsVariable)}
	if c.KMS.Enabled() {
		transit, err := kms.New(c.KMS)
		if err != nil {
			return nil, err
		}
		o.KMS = transit
	}
	return keyring.Open(ctx, o)
}
