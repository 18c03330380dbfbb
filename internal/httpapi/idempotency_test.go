package httpapi_test

import (
	"context"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/verify"
)

// keeping is a service that gives an answer to every request, and stores those of
// requests with a key as the recorder does.
type keeping struct {
	*answering
	db    *sqldb.DB
	store *answer.Store
	calls atomic.Int64
	// before is called when a verification is made, unless it is nil.
	before func(context.Context)
}

func newKeeping(t *testing.T) *keeping {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Options{Dir: t.TempDir(), Migrations: []fs.FS{answer.Migrations}})
	if err != nil {
		t.Fatal(err)
	}
	store, err := answer.NewStore(t.Context(), answer.StoreOptions{DB: db, Secret: keyring.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		store.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	k := &keeping{answering: newAnswering(), db: db, store: store}
	k.options.Verifier, k.options.Keys = k, store
	return k
}

// keep answers a call, and stores that unless there is no answer.
func keep[V any](ctx context.Context, k *keeping, c verify.Call[V], verdict V) (V, error) {
	k.calls.Add(1)
	if k.before != nil {
		k.before(ctx)
	}
	err := k.err
	if c.Key == nil || sesuai.KindOf(err) == sesuai.KindUnavailable {
		return verdict, err
	}
	row := answer.Row{Seq: k.calls.Load(), Client: c.Client.ID, Answer: c.Answer(verdict, err)}
	row.Key = c.Key
	failed := k.db.InTx(context.WithoutCancel(ctx), func(tx *sqldb.Tx) error { return k.store.AddTx(ctx, tx, []answer.Row{row}) })
	if failed != nil {
		return verdict, failed
	}
	c.Key.Answered()
	return verdict, err
}

func (k *keeping) Verify(ctx context.Context, r verify.Request) (sesuai.Verdict, error) {
	return keep(ctx, k, r.Call, verified)
}

func (k *keeping) VerifyData(ctx context.Context, r verify.DataRequest) (sesuai.DataVerdict, error) {
	return keep(ctx, k, r.Call, sesuai.DataVerdict{Verified: true, Reason: sesuai.ReasonVerified, NIK: sesuai.Match})
}

func (k *keeping) Match(ctx context.Context, r verify.MatchRequest) (sesuai.MatchVerdict, error) {
	return keep(ctx, k, r.Call, sesuai.MatchVerdict{Code: sesuai.CodeMatch, Percentage: sesuai.PercentageOf(95.77)})
}

func (k *keeping) Liveness(ctx context.Context, r verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
	return keep(ctx, k, r.Call, sesuai.LivenessVerdict{Status: sesuai.SpoofLow, Spoof: 0.02, Measured: true})
}

// withKey gives a request a key.
func withKey(r *http.Request, key string) *http.Request {
	r.Header.Set("Idempotency-Key", key)
	return r
}

// given is a response.
type given struct {
	status   int
	body, id string
	repeated string // Idempotent-Replayed
	after    string // Retry-After
}

func (k *keeping) ask(t *testing.T, r *http.Request) given {
	t.Helper()
	resp := k.do(r)
	body := checkEnvelope(t, resp)
	return given{resp.StatusCode, body, resp.Header.Get("Request-Id"), resp.Header.Get("Idempotent-Replayed"), resp.Header.Get("Retry-After")}
}

// TestRepeated: a request that is repeated with its key is answered with the first
// answer, whatever form it is sent in, and another request with the key is refused.
func TestRepeated(t *testing.T) {
	for _, e := range everyEndpoint() {
		for _, refusal := range []error{nil, &sesuai.Error{Kind: sesuai.KindFaceNotDetected}} {
			if refusal != nil && e.path != "/identity/v1/face-verification" {
				continue // the description has this refusal there alone
			}
			k := newKeeping(t)
			k.err = refusal
			first := k.ask(t, withKey(e.inMultipart("order-7"), "key-1"))
			if want := 200; refusal == nil && first.status != want || first.repeated != "" {
				t.Errorf("%s: %+v", e.path, first)
			}
			k.err = nil
			want := first
			want.repeated = "true"
			for about, r := range map[string]*http.Request{"again": e.inMultipart("order-7"), "in JSON": e.inJSON(`"order-7"`)} {
				r.Header.Set("X-Request-Id", "another")
				if got := k.ask(t, withKey(r, "key-1")); got != want {
					t.Errorf("%s, %s: %+v, want %+v", e.path, about, got, want)
				}
			}
			if got := k.ask(t, withKey(e.inMultipart("order-8"), "key-1")); got.status != 409 || !strings.HasPrefix(got.body,
				`{"verification_status":false,"reason":"Idempotency-Key was used for another request","code":"IDEMPOTENCY_KEY_REUSED","guidance":{`) {
				t.Errorf("%s: another request: %+v", e.path, got)
			}
			if n := k.calls.Load(); n != 1 {
				t.Errorf("%s: %d verifications", e.path, n)
			}
			for about, r := range map[string]*http.Request{"another key": withKey(e.inMultipart("order-7"), "key-2"), "no key": e.inMultipart("order-7")} {
				if got := k.ask(t, r); got.status != 200 || got.id == first.id || got.repeated != "" {
					t.Errorf("%s, %s: %+v", e.path, about, got)
				}
			}
			if n := k.calls.Load(); n != 3 {
				t.Errorf("%s: %d verifications", e.path, n)
			}
		}
	}
}

// TestKeyOfAnotherEndpointOrClient: a key is one endpoint's and one client's. A
// photograph is part of the request.
func TestKeyOfAnotherEndpointOrClient(t *testing.T) {
	k := newKeeping(t)
	photo := func(path, image string) *http.Request {
		return withKey(endpointOf{path: path}.to(postParts(part{name: "image", body: image}, part{name: "captured_image", body: image}, part{name: "stored_image", body: image})), "key-1")
	}
	if got := k.ask(t, photo("/face/v1/match", testPhoto)); got.status != 200 {
		t.Errorf("%+v", got)
	}
	for about, r := range map[string]*http.Request{"another endpoint": photo("/face/v1/passive-liveness", testPhoto), "another photograph": photo("/face/v1/match", testPhoto+"!")} {
		if got := k.ask(t, r); got.status != 409 {
			t.Errorf("%s: %+v", about, got)
		}
	}
	k.options.Authenticator = credentials{access.Client{ID: "client-2", Scopes: access.Scopes[:]}}
	if got := k.ask(t, photo("/face/v1/match", testPhoto)); got.status != 200 || got.repeated != "" {
		t.Errorf("another client: %+v", got)
	}
}

// TestKeyIsFreeAgain: what is not valid does not take the key, and 503 frees it.
func TestKeyIsFreeAgain(t *testing.T) {
	k := newKeeping(t)
	e := everyEndpoint()[0]
	ask := func(parts []part, status int) given {
		t.Helper()
		got := k.ask(t, withKey(e.to(postParts(parts...)), "key-1"))
		if got.status != status || got.repeated != "" {
			t.Errorf("%+v, want %d", got, status)
		}
		return got
	}
	ask(with("nik", "123"), 400)
	ask(append(everyPart(), part{name: "reference_id", body: "a b"}), 400)
	k.err = &sesuai.Error{Kind: sesuai.KindUnavailable}
	if first, second := ask(everyPart(), 503), ask(everyPart(), 503); first.id == second.id {
		t.Error("a request without an answer is repeated")
	}
	k.err = nil
	ask(everyPart(), 200)
	if n := k.calls.Load(); n != 3 {
		t.Errorf("%d verifications", n)
	}
}

// TestInvalidKey: a key that is not valid is refused before the body is read.
func TestInvalidKey(t *testing.T) {
	const bad = `{"verification_status":false,"reason":"Invalid Idempotency-Key","code":"INVALID_IDEMPOTENCY_KEY","guidance":{`
	for _, key := range []string{"", " ", "a b", "é", "a\t", strings.Repeat("x", 256)} {
		k := newKeeping(t)
		r := postParts(with("nik", "123")...)
		r.Header["Idempotency-Key"] = []string{key}
		if got := k.ask(t, r); got.status != 400 || !strings.HasPrefix(got.body, bad) || k.calls.Load() != 0 {
			t.Errorf("%q: %+v", key, got)
		}
	}
	k := newKeeping(t)
	if got := k.ask(t, withKey(postParts(everyPart()...), strings.Repeat("~", 255))); got.status != 200 {
		t.Errorf("the longest key: %+v", got)
	}
	r := postParts(everyPart()...)
	r.Header["Idempotency-Key"] = []string{"a", "a"}
	if got := k.ask(t, r); got.status != 400 || !strings.Contains(got.body, `"code":"MALFORMED"`) {
		t.Errorf("twice: %+v", got)
	}
	k.options.Keys = nil
	if got := k.ask(t, withKey(postParts(everyPart()...), "key-9")); got.status != 503 || got.after != "1" {
		t.Errorf("without keys: %+v", got)
	}
}

// await waits until so many requests wait for the answers of others.
func await(t *testing.T, server *httpapi.Server, n int64) {
	t.Helper()
	for start := time.Now(); server.AwaitingForTest() < n; time.Sleep(time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			t.Errorf("%d requests wait, want %d", server.AwaitingForTest(), n)
			return
		}
	}
}

// TestConcurrentRepetitions: of many requests with one key at once one is verified,
// although there are two slots, and all have its answer. They hold no memory while they
// wait.
func TestConcurrentRepetitions(t *testing.T) {
	const senders = 64
	k := newKeeping(t)
	k.options.MaxInFlight = 2
	started, release := make(chan struct{}), make(chan struct{})
	k.before = func(context.Context) {
		close(started)
		<-release
	}
	server := httpapi.New(k.options)
	answers := make(chan given, senders)
	var group sync.WaitGroup
	send := func() {
		group.Go(func() {
			resp := serve(server, withKey(postParts(everyPart()...), "key-1"))
			answers <- given{status: resp.StatusCode, body: checkEnvelope(t, resp), id: resp.Header.Get("Request-Id")}
		})
	}
	send()
	<-started
	one := server.BodiesForTest()
	for range senders - 1 {
		send()
	}
	await(t, server, senders-1)
	if all := server.BodiesForTest(); all != one {
		t.Errorf("%d bytes are held, want the %d of the one that is verified", all, one)
	}
	close(release)
	group.Wait()
	close(answers)
	different := make(map[given]int)
	for a := range answers {
		different[a]++
	}
	if len(different) != 1 || k.calls.Load() != 1 {
		t.Errorf("%d verifications, answers %v", k.calls.Load(), different)
	}
}

// TestKeyedCallerGone: a verification with a key goes on although its caller has gone, and who
// asks again gets its answer. One without a key ends.
func TestKeyedCallerGone(t *testing.T) {
	for _, key := range []string{"key-1", ""} {
		k := newKeeping(t)
		gone, leave := context.WithCancel(t.Context())
		var ended error
		k.before = func(ctx context.Context) {
			leave()
			ended = ctx.Err()
		}
		r := postParts(everyPart()...).WithContext(gone)
		if key != "" {
			withKey(r, key)
		}
		first := k.ask(t, r)
		if (ended != nil) != (key == "") {
			t.Errorf("the key %q: the context of the verification has ended: %v", key, ended)
		}
		if key == "" {
			continue
		}
		want := first
		want.repeated = "true"
		if got := k.ask(t, withKey(postParts(everyPart()...), key)); got != want || k.calls.Load() != 1 {
			t.Errorf("%+v, want %+v; %d verifications", got, want, k.calls.Load())
		}
	}
}

// TestWaitingEnds: who waits for an answer that does not come, or does not come in time,
// is told to ask again.
func TestWaitingEnds(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		k := newKeeping(t)
		k.err = &sesuai.Error{Kind: sesuai.KindUnavailable}
		started, release := make(chan struct{}), make(chan struct{})
		k.before = func(context.Context) {
			close(started)
			<-release
		}
		if !inTime {
			k.options.Timeout = 50 * time.Millisecond
		}
		server := httpapi.New(k.options)
		first := make(chan *http.Response, 1)
		go func() { first <- serve(server, withKey(postParts(everyPart()...), "key-1")) }()
		<-started
		if inTime {
			go func() {
				await(t, server, 1)
				close(release)
			}()
		}
		resp := serve(server, withKey(postParts(everyPart()...), "key-1"))
		if body := checkEnvelope(t, resp); resp.StatusCode != 503 || body != r8 || resp.Header.Get("Retry-After") != "1" {
			t.Errorf("%d %s, Retry-After %q", resp.StatusCode, body, resp.Header.Get("Retry-After"))
		}
		if !inTime {
			close(release)
		}
		if resp := <-first; resp.StatusCode != 503 {
			t.Errorf("the first gets %d", resp.StatusCode)
		}
	}
}
