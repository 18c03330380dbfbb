package access_test

import (
	"errors"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/accesstest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

var engines = sqltest.New(access.Migrations)

func openStore(t testing.TB, db *sqldb.DB) *access.Store {
	t.Helper()
	s, err := access.NewStore(t.Context(), access.StoreOptions{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		accesstest.Run(t, func(t *testing.T) access.Clients {
			d.Exec(t, `DELETE FROM clients`)
			return openStore(t, d.Open(t))
		})
	})
}

// TestAuthenticateWithADamagedClient: a client that cannot be read is not one
// whose credentials are wrong.
func TestAuthenticateWithADamagedClient(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		clients := openStore(t, d.Open(t))
		hash := access.Hash(keyring.NewSecret().Hash)
		auth := access.NewAuthenticator(access.AuthenticatorOptions{Clients: clients, Hash: hash})
		_, credentials, err := access.Add(t.Context(), clients, hash, valid())
		if err != nil {
			t.Fatal(err)
		}
		r := credentials.Reveal()
		if _, err := auth.Authenticate(t.Context(), attempt(r)); err != nil {
			t.Errorf("Authenticate = %v", err)
		}
		for _, statement := range []string{
			`UPDATE clients SET password = x'00'`,
			`UPDATE clients SET password = api_key, replay = 'sometimes'`,
		} {
			d.Exec(t, statement)
			_, err = auth.Authenticate(t.Context(), attempt(r))
			if sesuai.KindOf(err) != sesuai.KindUnavailable {
				t.Errorf("%s: Authenticate = %v", statement, err)
			}
			if e, ok := errors.AsType[*sesuai.Error](err); ok && e.Detail != "" {
				t.Errorf("%s: the error shows %q", statement, e.Detail)
			}
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	for engine, newDatabase := range map[string]func(testing.TB) sqltest.Database{
		"SQLite": engines.SQLite, "PostgreSQL": engines.PostgreSQL,
	} {
		b.Run(engine, func(b *testing.B) {
			clients := openStore(b, newDatabase(b).Open(b))
			hash := access.Hash(keyring.NewSecret().Hash)
			auth := access.NewAuthenticator(access.AuthenticatorOptions{Clients: clients, Hash: hash})
			_, credentials, err := access.Add(b.Context(), clients, hash, valid())
			if err != nil {
				b.Fatal(err)
			}
			r := credentials.Reveal()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := auth.Authenticate(b.Context(), attempt(r)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestListHashesWithADamagedClient: the others are listed.
func TestListHashesWithADamagedClient(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		clients := openStore(t, d.Open(t))
		for _, name := range []string{"a", "b"} {
			if err := clients.AddClient(t.Context(), accesstest.Client(name), accesstest.HashesOf(name)); err != nil {
				t.Fatal(err)
			}
		}
		d.Exec(t, `UPDATE clients SET api_key = x'00' WHERE name = 'a'`)
		listed, err := clients.ListHashes(t.Context())
		if err != nil || len(listed) != 1 || listed[0] != accesstest.HashesOf("b") {
			t.Errorf("%d hashes are listed, %v", len(listed), err)
		}
	})
}
