package webhook

import (
	"context"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// StoreOptions are what a Store is made of. DB and Secret are required.
type StoreOptions struct {
	// DB has the tables of Migrations.
	DB *sqldb.DB
	// Secret seals what is stored. No rotation of the master key changes it.
	Secret *keyring.Secret
	// Trail records changes; they are not recorded if it is nil.
	Trail *audit.Trail
	// Policy says which URLs may be registered.
	Policy Policy
	// Removed is called in each transaction that removes rows of a table for their age,
	// also if there were none. It may be nil.
	Removed func(ctx context.Context, tx *sqldb.Tx, table string, rows int64) error
	// Alert is called with the name of the table when a row is not as the program
	// wrote it. It may be nil.
	Alert func(table string)
	// Now dates rows; time.Now if nil.
	Now func() time.Time
}

// Store is Registrations, Log and Outbox in a database. Several processes can use
// the same one. Close it before the database.
type Store struct {
	o        StoreOptions
	scrubber *sqldb.Scrubber
	results  *sqldb.Batcher[Result]

	mu sync.RWMutex
	// hooks are the webhooks as they were at the last Refresh, by client.
	hooks map[string]Webhook
	// altered are the rows that did not open then, by client.
	altered map[string]string
}

var (
	_ Registrations = (*Store)(nil)
	_ Log           = (*Store)(nil)
	_ Outbox        = (*Store)(nil)
)

// NewStore opens the webhooks of a database. The error has kind
// sesuai.KindUnavailable.
func NewStore(ctx context.Context, o StoreOptions) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Removed == nil {
		o.Removed = func(context.Context, *sqldb.Tx, string, int64) error { return nil }
	}
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	s := &Store{o: o, scrubber: sqldb.NewScrubber(o.DB, o.Now)}
	if err := o.DB.PrepareHot(ctx, insertDelivery, recordResult); err != nil {
		return nil, err
	}
	if err := s.Refresh(ctx); err != nil {
		return nil, err
	}
	s.results = sqldb.NewBatcher(s.commit)
	return s, nil
}

// Close returns when the results that wait are recorded.
func (s *Store) Close() { s.results.Close() }

func (s *Store) now() time.Time { return s.o.Now() }

// Refresh implements Outbox. A webhook that is not as it was written is nobody's.
func (s *Store) Refresh(ctx context.Context) error {
	rows, err := readWebhooks(ctx, s.o.DB.Read())
	if err != nil {
		return sqldb.Unavailable(ctx, "reading webhooks", err)
	}
	hooks, altered := make(map[string]Webhook, len(rows)), make(map[string]string)
	for _, r := range rows {
		if w, err := s.open(r); err != nil {
			altered[r.client] = string(r.sealed)
		} else {
			hooks[r.client] = w
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for client, sealed := range altered {
		if before, known := s.altered[client]; !known || before != sealed { // once, not each time
			s.o.Alert("webhooks")
		}
	}
	s.hooks, s.altered = hooks, altered
	return nil
}

// Current implements Outbox.
func (s *Store) Current(client string) (Webhook, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w, ok := s.hooks[client]
	return w, ok
}
