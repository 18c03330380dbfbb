package access

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
)

// Hash is a keyed hash. Without the key, stolen hashes are useless. A slow hash is
// not needed because credentials are random.
type Hash func(b []byte) [32]byte

// Credentials prove the identity of a client. They are generated and shown once,
// and not stored. Formatting or marshalling hides them; Reveal shows them.
type Credentials struct {
	Username, Password, APIKey sesuai.Text
}

// NewCredentials returns random credentials of at least 128 bits each
// (crypto/rand.Text). They consist of letters, digits and underscores, so that
// they need no escaping in a URL, a header or a shell. A prefix says which one it
// is.
func NewCredentials() Credentials {
	return Credentials{
		Username: sesuai.NewText("usr_" + rand.Text()),
		Password: sesuai.NewText("pwd_" + rand.Text()),
		APIKey:   sesuai.NewText("key_" + rand.Text()),
	}
}

// Revealed are credentials in plain text, to be printed once. They marshal to the
// JSON {"username","password","api_key"}.
type Revealed struct {
	Username string `json:"username"`
	Password string `json:"password"`
	APIKey   string `json:"api_key"`
}

// Reveal returns the credentials in plain text. Never log them.
func (c Credentials) Reveal() Revealed {
	return Revealed{c.Username.Reveal(), c.Password.Reveal(), c.APIKey.Reveal()}
}

// Hashes returns the hashes to store.
func (c Credentials) Hashes(hash Hash) Hashes {
	r := c.Reveal()
	return hashesOf(hash, r.Username, r.Password, r.APIKey)
}

// hashesOf hashes each credential together with its role, so that one cannot be
// used as another.
func hashesOf(hash Hash, username, password, apiKey string) Hashes {
	return Hashes{
		Username: hash([]byte("username\x00" + username)),
		Password: hash([]byte("password\x00" + password)),
		APIKey:   hash([]byte("api key\x00" + apiKey)),
	}
}

// IDPrefix is how the IDs of clients start that Add has added.
const IDPrefix = "cli_"

// Add generates an ID and credentials for a client and adds it to clients.
// Policies that are not set get their defaults. Add returns the client as it was
// added. Errors are those of Client.Validate and Clients.AddClient.
func Add(ctx context.Context, clients Clients, hash Hash, c Client) (Client, Credentials, error) {
	c.ID = IDPrefix + rand.Text()
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

// MaxValidFor is the longest time for which the credentials from before a rotation
// stay valid.
const MaxValidFor = 90 * 24 * time.Hour

// RotateOptions say what becomes of the credentials from before a rotation.
type RotateOptions struct {
	// ValidFor is how long those that are replaced stay valid: 0 to MaxValidFor.
	ValidFor time.Duration
	// EndOlder ends those from before the last rotation, if they are still valid.
	EndOlder bool
	// Now is the time of the rotation; time.Now() if it is zero.
	Now time.Time
}

// Rotate gives the client of that name new credentials; false if there is none. A
// client has two at a time: if it has, the error has kind sesuai.KindConflict unless
// o.EndOlder. The error has kind sesuai.KindConfiguration if o.ValidFor is out of its
// range. Other errors are those of Clients.RotateClient.
func Rotate(ctx context.Context, clients Clients, hash Hash, name string, o RotateOptions) (Client, Credentials, bool, error) {
	if o.ValidFor < 0 || o.ValidFor > MaxValidFor {
		return Client{}, Credentials{}, false, invalid("the credentials so far stay valid for 0 to %d hours", MaxValidFor/time.Hour)
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	credentials := NewCredentials()
	c, found, err := clients.RotateClient(ctx, name, credentials.Hashes(hash), func(c Client) (time.Time, error) {
		if o.Now.Before(c.PreviousUntil) && !o.EndOlder {
			return time.Time{}, &sesuai.Error{Kind: sesuai.KindConflict, Detail: fmt.Sprintf(
				"two credentials of the client are valid, the older ones until %s: rotate then, or end them now with --now",
				c.PreviousUntil.In(sesuai.Jakarta).Format(time.RFC3339))}
		}
		return o.Now.Add(o.ValidFor), nil
	})
	if err != nil || !found {
		return Client{}, Credentials{}, false, err
	}
	return c, credentials, true, nil
}
