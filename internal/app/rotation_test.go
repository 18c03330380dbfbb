package app_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/kms/kmstest"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// TestKeysChangeUnderLoad: while clients verify people on two nodes, the key files
// are sealed by a KMS, a key is added and everybody is moved to it, and the files are
// opened again. No request fails, and everybody is verified afterwards, also by a
// node that starts then, without a KMS.
func TestKeysChangeUnderLoad(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { changeKeysUnderLoad(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { changeKeysUnderLoad(t, pgtest.Database(t)) })
}

func changeKeysUnderLoad(t *testing.T, registry string) {
	const people = 60 // rotated in several transactions
	server := kmstest.New(t)
	plain := app.DefaultConfig()
	plain.Data, plain.Registry = filepath.Join(t.TempDir(), "data"), registry
	plain.Postgres.Migrate, plain.Postgres.Connections = true, 4

	// The keys of the first start are plain.
	storage := openCells(t, plain)
	for n := range people {
		if _, err := storage.People.Enrol(t.Context(), registrytest.Person(t, n), registrytest.Portrait(t, n)); err != nil {
			t.Fatal(err)
		}
	}
	clients := map[string]access.Revealed{"plain": addClient(t, storage, "plain", access.Client{})}
	closeStorage(t, storage)

	sealed := plain
	sealed.KMS = server.Config(t)
	var nodes [2]*app.Storage
	var asked [2]atomic.Int64
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer running.Wait()
	defer cancel()
	for i := range nodes {
		nodes[i] = openCells(t, sealed)
		defer closeStorage(t, nodes[i])
	}
	for i, node := range nodes {
		api := serverOf(t, sealed, node)
		for worker := range 2 {
			running.Go(func() {
				for n := worker; ctx.Err() == nil; n += 2 {
					verifyPerson(t, api, clients, n%people)
					asked[i].Add(1)
				}
			})
		}
	}
	defer running.Wait()
	defer cancel()

	// step changes the keys after and before requests on both nodes.
	step := func(name string, change func() error) {
		t.Helper()
		for range 2 {
			before := [2]int64{asked[0].Load(), asked[1].Load()}
			eventually(t, "no requests are sent", func() bool { return asked[0].Load() > before[0]+1 && asked[1].Load() > before[1]+1 })
			if change == nil {
				return
			}
			if err := change(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			change = nil
		}
	}
	files := func(change func(context.Context) ([]byte, error), want int) func() error {
		return func() error {
			ids, err := change(t.Context())
			if len(ids) != want {
				t.Errorf("%d files were replaced, want %d", len(ids), want)
			}
			return err
		}
	}
	keys := nodes[0].Keys
	rotate := func() error {
		if _, err := keys.AddKey(t.Context()); err != nil {
			return err
		}
		_, err := keys.Rotate(t.Context(), nil)
		return err
	}
	step("seal", files(keys.SealFiles, 1))
	step("rotate sealed keys", rotate)
	step("unseal", files(keys.UnsealFiles, 2))
	step("seal again", files(keys.SealFiles, 2))
	step("rotate again", rotate)
	step("unseal all", files(keys.UnsealFiles, 3))
	cancel()
	running.Wait()
	if server.Calls("encrypt") == 0 || server.Calls("decrypt") == 0 {
		t.Error("the KMS was not asked")
	}
	t.Logf("%d and %d requests on the two nodes", asked[0].Load(), asked[1].Load())

	later := openCells(t, plain)
	defer closeStorage(t, later)
	api := serverOf(t, plain, later)
	for n := range people {
		verifyPerson(t, api, clients, n)
	}
	if got, err := later.Keys.Keys(t.Context()); err != nil || len(got) != 3 || got[2].People != people || got[2].State != "current" {
		t.Errorf("the keys are %+v, %v", got, err)
	}
	if _, err := later.Trail.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// verifyPerson reports a verification that does not verify the person.
func verifyPerson(t *testing.T, api http.Handler, clients map[string]access.Revealed, n int) {
	t.Helper()
	got := cellAsk{client: "plain", person: n, number: n, cosine: 0.9}.send(t, api, clients, "")
	if !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "Verification Success") {
		t.Errorf("person %d: %s", n, got)
	}
}
