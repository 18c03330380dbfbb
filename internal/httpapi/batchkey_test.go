package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// keyedBatches stores the answers of uploads with a key, as *batch.Service does.
type keyedBatches struct {
	*fakeBatches
	k     *keeping
	added int
	// before is called before a batch is added, unless it is nil.
	before func()
}

func newKeyedBatches(t *testing.T) *keyedBatches {
	t.Helper()
	b := &keyedBatches{fakeBatches: &fakeBatches{}, k: newKeeping(t)}
	o := &b.k.options
	o.Batches, o.MaxUpload, o.MaxRows, o.MaxUploads = b, 1<<20, 10, 2
	o.Authenticator = credentials{access.Client{ID: "client-1", Scopes: access.Scopes[:]}}
	return b
}

func (b *keyedBatches) Add(ctx context.Context, u batch.Upload) (batch.Batch, error) {
	if b.before != nil {
		b.before()
	}
	if ctx.Err() != nil {
		return batch.Batch{}, ctx.Err()
	}
	added, err := b.fakeBatches.Add(ctx, u)
	if err != nil {
		return batch.Batch{}, err
	}
	b.added++
	if u.Key == nil {
		return added, nil
	}
	row := answer.Row{Client: added.Client, Answer: u.Answer(added)}
	row.Key = u.Key
	return added, b.k.db.InTx(ctx, func(tx *sqldb.Tx) error { return b.k.store.AnswerTx(ctx, tx, row) })
}

// upload sends an upload with a key, and returns the response and where the batch is.
func (b *keyedBatches) upload(t *testing.T, parts ...[2]string) (given, string) {
	t.Helper()
	r := withKey(batchForm(t, parts...), "key-1")
	resp := b.k.do(r)
	body := checkEnvelope(t, resp)
	openapitest.Check(t, r.Method, r.URL.Path, resp, []byte(body))
	h := resp.Header
	return given{resp.StatusCode, body, h.Get("Request-Id"), h.Get("Idempotent-Replayed"), h.Get("Retry-After")}, h.Get("Location")
}

// TestUploadIsRepeated: the same files with the same key are one batch, whatever else is
// in the form, and other files are refused. What is not valid leaves the key free.
func TestUploadIsRepeated(t *testing.T) {
	const csv = "nik\n1\n"
	zip := "PK\x05\x06" + strings.Repeat("\x00", 18) // an archive of nothing
	b := newKeyedBatches(t)
	for _, parts := range [][][2]string{{{"photographs", zip}}, {{"claims", csv}, {"photographs", "x"}}} {
		if got, _ := b.upload(t, parts...); got.status != 400 {
			t.Errorf("%+v", got)
		}
	}
	first, location := b.upload(t, [2]string{"claims", csv}, [2]string{"photographs", zip})
	if first.status != http.StatusAccepted || first.repeated != "" || location != "/identity/v1/batches/"+batchID {
		t.Fatalf("%+v at %q", first, location)
	}
	want := first
	want.repeated = "true"
	// The boundary, which the form has made, is another one.
	again, where := b.upload(t, [2]string{"what", "x"}, [2]string{"photographs", zip}, [2]string{"claims", csv})
	if again != want || where != location {
		t.Errorf("again: %+v at %q, want %+v", again, where, want)
	}
	for about, parts := range map[string][][2]string{
		"other claims":      {{"claims", csv + "2\n"}, {"photographs", zip}},
		"no photographs":    {{"claims", csv}},
		"other photographs": {{"claims", csv}, {"photographs", zip + "x"}},
	} {
		if got, _ := b.upload(t, parts...); got.status != http.StatusConflict {
			t.Errorf("%s: %+v", about, got)
		}
	}
	if b.added != 1 {
		t.Errorf("%d batches", b.added)
	}
}

// TestUploadInProgress: who sends an upload again waits for the first, whose caller may
// have gone, and keeps no other upload from being received.
func TestUploadInProgress(t *testing.T) {
	b := newKeyedBatches(t)
	started, release := make(chan struct{}), make(chan struct{})
	b.before = func() {
		close(started)
		<-release
	}
	server := httpapi.New(b.k.options)
	ctx, gone := context.WithCancel(t.Context())
	send := func(ctx context.Context) *http.Response {
		return serve(server, withKey(batchForm(t, [2]string{"claims", "nik\n1\n"}), "key-1").WithContext(ctx))
	}
	var group sync.WaitGroup
	group.Go(func() { send(ctx) })
	<-started
	gone()
	for n := range int64(3) { // one of the two places for uploads is taken
		group.Go(func() {
			resp := send(t.Context())
			if body := checkEnvelope(t, resp); resp.StatusCode != http.StatusAccepted || resp.Header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
		await(t, server, n+1)
	}
	close(release)
	group.Wait()
	if b.added != 1 {
		t.Errorf("%d batches", b.added)
	}
}
