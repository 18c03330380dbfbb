package access

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/sesuai/sesuai"
)

// Hash is a keyed hash. The key is what makes a stolen table of hashes
// worthless; the credentials being random is why nothing slower is needed.
type Hash func(b []byte) [32]byte

// Credentials are what a client proves itself with. They are made once, shown
// once, and kept nowhere: formatting or marshalling them shows nothing, Reveal
// is the way to show them.
type Credentials struct {
	Username, Password, APIKey sesuai.Text
}

// NewCredentials makes random credentials of at least 128 bits each
// (crypto/rand.Text), of letters, digits and underscores: they need no escaping
// in a URL, a header or a shell, and say in front what they are.
func NewCredentials() Credentials {
	return Credentials{
		Username: sesuai.NewText("usr_" + rand.Text()),
		Password: sesuai.NewText("pwd_" + rand.Text()),
		APIKey:   sesuai.NewText("key_" + rand.Text()),
	}
}

// Revealed are credentials in plain text, to be printed once: as JSON
// {"username","password","api_key"}.
type Revealed struct {
	Username string `json:"username"`
	Password string `json:"password"`
	APIKey   string `json:"api_key"`
}

// Reveal returns the credentials in plain text. Never log them.
func (c Credentials) Reveal() Revealed {
	return Revealed{c.Username.Reveal(), c.Password.Reveal(), c.APIKey.Reveal()}
}

// Hashes are what is stored of the credentials.
func (c Credentials) Hashes(hash Hash) Hashes {
	r := c.Reveal()
	return hashesOf(hash, r.Username, r.Password, r.APIKey)
}

// hashesOf hashes each credential for what it is, so that one never stands
// for another.
func hashesOf(hash Hash, username, password, apiKey string) Hashes {
	return Hashes{
		Username: hash([]byte("username\x00" + username)),
		Password: hash([]byte("password\x00" + password)),
		APIKey:   hash([]byte("api key\x00" + apiKey)),
	}
}

// Add makes credentials for a new client and keeps the client with their
// hashes. Policies that are not set are the defaults. It returns the client with the ID it was given. Errors: those of
// Client.Validate and of Clients.AddClient.
func Add(ctx context.Context, clients Clients, hash Hash, c Client) (Client, Credentials, error) {
	c.ID = "cli_" + rand.Text()
	if c.Replay == 0 {
		c.Replay = DefaultReplay
	}
	if c.Liveness == 0 {
		c.Liveness = DefaultLiveness
	}
	if err := c.Validate(); err != nil {
		return Client{}, Credentials{}, err
	}
	credentials := NewCredentials()
	if err := clients.AddClient(ctx, c, credentials.Hashes(hash)); err != nil {
		return Client{}, Credentials{}, fmt.Errorf("adding a client: %w", err)
	}
	return c, credentials, nil
}
