package access_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/accesstest"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

var engines = sqltest.New(access.Migrations)

// rows is the secret of all stores of these tests.
var rows = keyring.NewSecret()

func openStore(t testing.TB, db *sqldb.DB) *access.Store {
	t.Helper()
	s, err := access.NewStore(t.Context(), access.StoreOptions{DB: db, Rows: rows})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		accesstest.Run(t, func(t *testing.T) access.Clients {
			d.Exec(t, `DELETE FROM clients`)
			d.Exec(t, `DELETE FROM client_uses`)
			return openStore(t, d.Open(t))
		})
	})
}

// TestAlteredClients: a client that is not stored as it was added has no valid
// credentials, is not listed, and can be removed. Whoever can write the database
// gains nothing by its own hashes, or by those of another client.
func TestAlteredClients(t *testing.T) {
	for _, change := range []string{
		`UPDATE clients SET id = 'cli_other' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET name = 'Bank' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET scopes = scopes || ' ' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET threshold = 0 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET threshold = threshold + 1 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET name_threshold = 80 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET rate = 0 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET burst = 0 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET added_at = added_at - 1 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET replay = 'off' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET replay = 'sometimes' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET liveness = 'off' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET password = x'00' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET password = api_key, api_key = password WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET password = (SELECT password FROM clients WHERE name = 'Koperasi Karangan') WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET networks = '' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET networks = '0.0.0.0/0' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET networks = 'anywhere' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET networks = 'key:01' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET expires_at = 0 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET expires_at = expires_at + 1 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET disabled = 1 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET note = '' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET networks = '', expires_at = 0, note = '', previous_username = NULL, previous_password = NULL,
			previous_api_key = NULL, previous_until = 0 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET previous_username = NULL WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET previous_password = password WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET previous_api_key = x'00' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET previous_until = previous_until + 1 WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET previous_username = username, previous_password = password, previous_api_key = api_key,
			username = previous_username, password = previous_password, api_key = previous_api_key WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET percentage = '' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET percentage = 'none' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET percentage = 'exact' WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET mac = NULL WHERE name = 'Bank Karangan'`,
		`UPDATE clients SET mac = (SELECT mac FROM clients WHERE name = 'Koperasi Karangan') WHERE name = 'Bank Karangan'`,
	} {
		engines.Each(t, func(t *testing.T, d sqltest.Database) {
			var alerts []string
			clients, err := access.NewStore(t.Context(), access.StoreOptions{
				DB: d.Open(t), Rows: rows, Alert: func(table string) { alerts = append(alerts, table) },
			})
			if err != nil {
				t.Fatal(err)
			}
			hash := access.Hash(keyring.NewSecret().Hash)
			auth := access.NewAuthenticator(access.AuthenticatorOptions{Clients: clients, Hash: hash})
			altered, intact := valid(), valid()
			altered.Liveness, intact.Name = access.Enforce, "Koperasi Karangan"
			altered.Consent = access.ConsentOptional
			altered.Networks, altered.ExpiresAt, altered.Note = networks(t, "192.0.2.0/24"), time.Now().Add(time.Hour), "a note"
			altered.Precision = sesuai.PrecisionTens
			authenticate := func(c access.Credentials) error {
				_, err := auth.Authenticate(t.Context(), attempt(c.Reveal()))
				return err
			}
			var credentials [2]access.Credentials
			for i, c := range []access.Client{altered, intact} {
				if _, credentials[i], err = access.Add(t.Context(), clients, hash, c); err != nil {
					t.Fatal(err)
				}
			}
			_, credentials[0], _, err = access.Rotate(t.Context(), clients, hash, altered.Name, access.RotateOptions{ValidFor: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			for i := range credentials {
				if err := authenticate(credentials[i]); err != nil {
					t.Fatal(err)
				}
			}
			d.Exec(t, change)
			if err := authenticate(credentials[0]); sesuai.KindOf(err) != sesuai.KindUnauthenticated || len(alerts) != 1 || alerts[0] != "clients" {
				t.Errorf("%s: Authenticate = %v, with the alerts %q", change, err, alerts)
			}
			if err := authenticate(credentials[1]); err != nil {
				t.Errorf("%s: the other client: Authenticate = %v", change, err)
			}
			name := altered.Name
			if _, err := clients.ListClients(t.Context()); sesuai.KindOf(err) != sesuai.KindUnavailable || len(alerts) != 2 {
				t.Errorf("%s: ListClients = %v, with the alerts %q", change, err, alerts)
			} else if strings.Contains(err.Error(), `"Bank"`) {
				name = "Bank"
			}
			if removed, err := clients.RemoveClient(t.Context(), name); err != nil || !removed {
				t.Errorf("%s: RemoveClient = %v, %v", change, removed, err)
			}
			if listed, err := clients.ListClients(t.Context()); err != nil || len(listed) != 1 {
				t.Errorf("%s: afterwards ListClients = %v, %v", change, listed, err)
			}
		})
	}
}

// TestValuesOutOfRange: a client whose values are not valid is refused, even if its
// MAC is right.
func TestValuesOutOfRange(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		clients := openStore(t, d.Open(t))
		for i, change := range []func(*access.Client){
			func(c *access.Client) { c.Threshold = sesuai.PercentageOf(74.99) },
			func(c *access.Client) { c.Threshold = sesuai.Percentage{} },
			func(c *access.Client) { c.NameThreshold = 79 },
			func(c *access.Client) { c.NameThreshold = 101 },
			func(c *access.Client) { c.Scopes = nil },
			func(c *access.Client) { c.Scopes = []access.Scope{"everything"} },
			func(c *access.Client) { c.Rate = -1 },
			func(c *access.Client) { c.Rate = math.Inf(1) },
			func(c *access.Client) { c.Burst = -1 },
			func(c *access.Client) { c.Replay = 0 },
			func(c *access.Client) { c.Liveness = 9 },
			func(c *access.Client) { c.Consent = 9 },
			func(c *access.Client) { c.Limits.NIKsPerDay = -2 },
			func(c *access.Client) { c.Networks = []netip.Prefix{netip.PrefixFrom(someAddress, 1)} },
			func(c *access.Client) { c.Note = "two\nlines" },
			func(c *access.Client) { c.Precision = sesuai.PrecisionNone + 1 },
			func(c *access.Client) { c.ExpiresAt = time.UnixMicro(-1) },
		} {
			username := fmt.Sprint(i)
			c := accesstest.Client(username)
			change(&c)
			if err := clients.AddClient(t.Context(), c, accesstest.HashesOf(username)); err != nil {
				t.Fatal(err)
			}
			if _, _, found, err := clients.ClientByUsername(t.Context(), accesstest.HashesOf(username).Username); found || err != nil {
				t.Errorf("change %d: ClientByUsername = %v, %v", i, found, err)
			}
		}
	})
}

// TestNegativeZero: of a rate that is -0 SQLite makes 0.
func TestNegativeZero(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		clients := openStore(t, d.Open(t))
		c := accesstest.Client("a")
		c.Rate = math.Copysign(0, -1)
		if err := clients.AddClient(t.Context(), c, accesstest.HashesOf("a")); err != nil {
			t.Fatal(err)
		}
		if _, _, found, err := clients.ClientByUsername(t.Context(), accesstest.HashesOf("a").Username); !found || err != nil {
			t.Errorf("ClientByUsername = %v, %v", found, err)
		}
	})
}

// TestAdopt: clients of an earlier schema get their MACs, unless they are not valid.
func TestAdopt(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		clients := openStore(t, db)
		for _, name := range []string{"a", "b"} {
			if err := clients.AddClient(t.Context(), accesstest.Client(name), accesstest.HashesOf(name)); err != nil {
				t.Fatal(err)
			}
		}
		d.Exec(t, `UPDATE clients SET mac = NULL`)
		d.Exec(t, `UPDATE clients SET threshold = 0 WHERE name = 'b'`)
		if err := db.InTx(t.Context(), func(tx *sqldb.Tx) error { return access.Adopt(t.Context(), tx, rows) }); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"a": true, "b": false} {
			if _, _, found, err := clients.ClientByUsername(t.Context(), accesstest.HashesOf(name).Username); found != want || err != nil {
				t.Errorf("%s: ClientByUsername = %v, %v", name, found, err)
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

// TestInactive: the clients that are disabled, have expired or cannot be read.
func TestInactive(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		clients := openStore(t, d.Open(t))
		now := time.Now()
		for name, change := range map[string]func(*access.Client){
			"active":   func(c *access.Client) { c.ExpiresAt = now.Add(time.Second) },
			"altered":  func(*access.Client) {},
			"disabled": func(c *access.Client) { c.Disabled = true },
			"expired":  func(c *access.Client) { c.ExpiresAt = now },
		} {
			c := accesstest.Client(name)
			c.Disabled, c.ExpiresAt = false, time.Time{}
			change(&c)
			if err := clients.AddClient(t.Context(), c, accesstest.HashesOf(name)); err != nil {
				t.Fatal(err)
			}
		}
		d.Exec(t, `UPDATE clients SET burst = burst + 1 WHERE name = 'altered'`)
		got, err := clients.Inactive(t.Context(), now)
		want := map[string]bool{"altered": true, "disabled": true, "expired": true}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Inactive (-want +got):\n%s%v", diff, err)
		}
	})
}

// TestEarlierForms: a client in which nothing is set that a schema has brought is stored
// as before, so that the rows and the digests of earlier schemas hold. With any of it,
// it is not.
func TestEarlierForms(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		clients := openStore(t, db)
		plain := accesstest.Client("a")
		plain.Networks, plain.Certificates, plain.ExpiresAt, plain.Disabled, plain.Note = nil, nil, time.Time{}, false, ""
		plain.Precision = sesuai.PrecisionExact
		plain.Consent = access.ConsentOptional
		plain.Limits = limit.Settings{}
		if err := clients.AddClient(t.Context(), plain, accesstest.HashesOf("a")); err != nil {
			t.Fatal(err)
		}
		number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
		h := accesstest.HashesOf("a")
		values := [][]byte{
			{1},
			[]byte("a"), []byte("a"), []byte("identity.face_verification"), number(8025), number(90),
			number(math.Float64bits(2.5)), number(10), number(uint64(plain.AddedAt.UnixMicro())), []byte("enforce"), []byte("log"),
			h.Username[:], h.Password[:], h.APIKey[:],
		}
		first := rows.MAC("clients.mac", values...)
		values[0] = []byte{2}
		second := rows.MAC("clients.mac", append(values, nil, number(0), number(1), nil, nil, nil, nil, number(0))...)
		stored := func() (mac []byte) {
			t.Helper()
			if err := db.Read().QueryRowContext(t.Context(), `SELECT mac FROM clients`).Scan(&mac); err != nil {
				t.Fatal(err)
			}
			return mac
		}
		if !bytes.Equal(stored(), first) {
			t.Error("the MAC is not that of schema 6")
		}
		for what, change := range map[string]func(*access.Client){
			"percentage":  func(c *access.Client) { c.Precision = sesuai.PrecisionTens },
			"certificate": func(c *access.Client) { c.Certificates = []access.Fingerprint{{1}} },
			"networks":    func(c *access.Client) { c.Networks = networks(t, "192.0.2.1") },
			"expiry":      func(c *access.Client) { c.ExpiresAt = time.Unix(1, 0) },
			"disabled":    func(c *access.Client) { c.Disabled = true },
			"note":        func(c *access.Client) { c.Note = "n" },
			"limits":      func(c *access.Client) { c.Limits.InFlight = 3 },
			"consent":     func(c *access.Client) { c.Consent = access.ConsentPurpose },
		} {
			set := func(change func(*access.Client)) {
				t.Helper()
				if _, _, err := clients.ChangeClient(t.Context(), "a", func(c *access.Client) error { change(c); return nil }); err != nil {
					t.Fatal(err)
				}
			}
			set(change)
			if bytes.Equal(stored(), first) {
				t.Errorf("%s: the MAC does not cover it", what)
			}
			if bytes.Equal(stored(), second) != (what == "disabled") {
				t.Errorf("%s: the MAC is, or is not, that of schema 13", what)
			}
			set(func(c *access.Client) { *c = plain })
			if !bytes.Equal(stored(), first) {
				t.Errorf("%s: the MAC is not the first one again", what)
			}
		}
	})
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
		d.Exec(t, `UPDATE clients SET disabled = 0`)
		d.Exec(t, `UPDATE clients SET api_key = x'00' WHERE name = 'a'`)
		listed, err := clients.ListHashes(t.Context(), time.Now())
		if err != nil || len(listed) != 1 || listed[0] != accesstest.HashesOf("b") {
			t.Errorf("%d hashes are listed, %v", len(listed), err)
		}
	})
}
