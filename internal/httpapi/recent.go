package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/access"
)

const (
	// recentTime is for how long a client counts as one that was authorized recently.
	recentTime = time.Second
	// maxRecent is how many of them are remembered at once.
	maxRecent = 4096
)

// recent remembers which clients were authorized recently. Under overload their
// requests are refused without reading the credentials from the database again, which
// takes longer than all else that a refusal takes. It is no reason to answer anything
// else: whoever is not refused is authorized as ever.
type recent struct {
	mu      sync.Mutex
	clients map[[sha256.Size]byte]recentClient
}

type recentClient struct {
	id    string
	until time.Time
}

// credentialsDigest identifies what a client calls with.
func credentialsDigest(a access.Attempt, scope access.Scope) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, text := range []string{a.From.String(), a.Username, a.Password, a.APIKey, string(a.Certificate[:]), string(scope)} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(text)))
		_, _ = h.Write([]byte(text))
	}
	h.Sum(sum[:0])
	return sum
}

// client returns the client that was authorized with these credentials recently.
func (r *recent) client(credentials [sha256.Size]byte) (id string, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, found := r.clients[credentials]
	return c.id, found && time.Now().Before(c.until)
}

// authorized remembers a client. If there are too many already, it is not remembered.
func (r *recent) authorized(credentials [sha256.Size]byte, id string) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients == nil {
		r.clients = make(map[[sha256.Size]byte]recentClient)
	}
	if len(r.clients) >= maxRecent {
		maps.DeleteFunc(r.clients, func(_ [sha256.Size]byte, c recentClient) bool { return !now.Before(c.until) })
	}
	if len(r.clients) < maxRecent {
		r.clients[credentials] = recentClient{id, now.Add(recentTime)}
	}
}
