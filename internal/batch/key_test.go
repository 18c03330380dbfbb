package batch_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

var keyEngines = sqltest.New(jobs.Migrations(), batch.Migrations, answer.Migrations)

// keyed is the batches of a database with idempotency keys.
type keyed struct {
	*world
	keys *answer.Store
}

func newKeyed(t *testing.T, d sqltest.Database) keyed {
	t.Helper()
	var k keyed
	k.world = newWorld(t, d, func(o *batch.Options) {
		var err error
		k.keys, err = answer.NewStore(t.Context(), answer.StoreOptions{DB: o.DB, Secret: o.Secret, Now: o.Now})
		if err != nil {
			t.Fatal(err)
		}
		o.Keys = k.keys
	})
	t.Cleanup(k.keys.Close)
	return k
}

// reserve returns what is known of the key of uploads.
func (k keyed) reserve(t *testing.T) answer.Taken {
	t.Helper()
	taken, err := k.keys.Reserve(t.Context(), answer.Key{Client: "cli_a", Text: "key"})
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

// addWithKey adds a batch of claims, which is answered with its ID.
func (k keyed) addWithKey(t *testing.T, claims string, key *answer.Reservation) (batch.Batch, error) {
	t.Helper()
	u := upload(claims)
	u.Key = key
	u.Answer = func(b batch.Batch) answer.Answer {
		if b.State != batch.Running {
			t.Errorf("answered in state %s", b.State)
		}
		return answer.Answer{Request: "request", Status: 202, Body: []byte(b.ID)}
	}
	return k.Add(t.Context(), u)
}

// TestAddWithKey: the answer is stored with the batch, and a file that is refused frees the
// key.
func TestAddWithKey(t *testing.T) {
	keyEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		k := newKeyed(t, d)
		key := k.reserve(t).Reservation
		_, err := k.addWithKey(t, "nik\n", key)
		assertKind(t, err, sesuai.KindMalformed)
		key.Release()
		key = k.reserve(t).Reservation
		if key == nil {
			t.Fatal("the key is not free")
		}
		b, err := k.addWithKey(t, "nik\n1\n", key)
		if err != nil {
			t.Fatal(err)
		}
		key.Release()
		if given := k.reserve(t).Answer; given == nil || string(given.Body) != b.ID || given.Status != 202 || given.Request != "request" {
			t.Errorf("stored: %+v", given)
		}
		// The commit is found if only the reply to it was lost.
		if err := k.AbandonForTest(t.Context(), b, errors.New("no reply")); err != nil {
			t.Errorf("a batch that has started is abandoned: %v", err)
		}
		if _, _, err := k.Get(t.Context(), "cli_a", b.ID); err != nil {
			t.Error(err)
		}
	})
}

// TestAddWithLostKey: a call whose key was taken by another one leaves no batch behind.
func TestAddWithLostKey(t *testing.T) {
	keyEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		k := newKeyed(t, d)
		slow := k.reserve(t).Reservation
		k.now = k.now.Add(answer.DefaultLease + time.Second)
		fast := k.reserve(t).Reservation
		if fast == nil {
			t.Fatal("the key is not free")
		}
		if _, err := k.addWithKey(t, "nik\n1\n", slow); !errors.Is(err, answer.ErrLost) || sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("with a lost key: %v", err)
		}
		slow.Release()
		if batches, rows := stored(t, d); batches+rows != 0 {
			t.Errorf("%d batches and %d rows remain", batches, rows)
		}
		b, err := k.addWithKey(t, "nik\n1\n", fast)
		fast.Release()
		if given := k.reserve(t).Answer; err != nil || given == nil || string(given.Body) != b.ID {
			t.Errorf("%v, stored: %+v", err, given)
		}
	})
}
