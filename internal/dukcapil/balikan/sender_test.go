package balikan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan/outboxtest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

const testToken = "rahasia-4711"

func tokenFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(testToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sender(t testing.TB, o balikan.Outbox, r http.RoundTripper, change func(o *balikan.Options)) *balikan.Sender {
	t.Helper()
	options := balikan.Options{
		Outbox: o, Client: &http.Client{Transport: r},
		Config: balikan.Config{URL: "https://dukcapil.invalid/store", TokenFile: tokenFile(t), InstitutionID: "L-1", InstitutionName: `Bank "Contoh"`},
	}
	if change != nil {
		change(&options)
	}
	s, err := balikan.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a sender for that long, in a bubble's time.
func run(t *testing.T, s *balikan.Sender, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	s.Run(ctx)
}

func TestDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutbox(t, 250), &receiver{t: t}
		start := time.Now()
		run(t, sender(t, o, r, nil), time.Minute)
		if pending(t, o) != 0 || len(r.had) != 250 {
			t.Errorf("%d are pending, %d arrived", pending(t, o), len(r.had))
		}
		var sizes []int
		for _, p := range r.posts {
			sizes = append(sizes, len(p.customers))
			if p.token != "Bearer "+testToken || p.at != start {
				t.Errorf("token %q, after %v", p.token, p.at.Sub(start))
			}
		}
		if diff := cmp.Diff([]int{100, 100, 50}, sizes); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

// TestUnanswered: whatever is not a delivery is tried again until it is, ever
// more slowly, and nothing is sent one by one.
func TestUnanswered(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"no connection":            {0, ""},
		"no content":               {204, ""},
		"success without a word":   {200, ""},
		"another word":             {200, `{"message":"Succes"}`},
		"success in another form":  {200, `"Success"`},
		"success with another":     {201, `{"message":"Success"}`},
		"already with another":     {409, ``},
		"a page":                   {200, `<html>Success</html>`},
		"redirected":               {302, `{"message":"Success"}`},
		"token":                    {401, `{"message":"Unauthorized"}`},
		"forbidden":                {403, `{"message":"Data sudah pernah dikirim"}`},
		"another address":          {404, ``},
		"busy":                     {429, ``},
		"broken":                   {500, `{"message":"Success"}`},
		"gateway":                  {502, `<html></html>`},
		"already, with status 200": {200, `{"message":"Data sudah pernah dikirim"}`},
	} {
		if answer.status == 409 {
			continue // see TestRefused
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, r := newOutbox(t, 20), &receiver{t: t}
				broken := true
				r.answer = func([]string) (int, string, bool) { return answer.status, answer.body, broken }
				s := sender(t, o, r, nil)
				run(t, s, 3*time.Hour)
				if pending(t, o) != 20 {
					t.Errorf("%d of 20 are pending", pending(t, o))
				}
				// Doubling from 2 s to 5 min, halved at the most: in three
				// hours at most 2·36 and the first eight.
				if n := len(r.posts); n < 36 || n > 80 {
					t.Errorf("%d posts in three hours", n)
				}
				for _, p := range r.posts {
					if len(p.customers) != 20 {
						t.Errorf("a post of %d", len(p.customers))
					}
				}
				broken = false
				run(t, s, 10*time.Minute)
				if pending(t, o) != 0 {
					t.Errorf("afterwards %d are pending", pending(t, o))
				}
			})
		})
	}
}

// TestAlready: whoever was killed before it could record a delivery sends it
// again; what is new in the batch arrives, and all is done.
func TestAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t, 30)
		r := &receiver{t: t, already: true, had: map[string]int{"request-3": 1, "request-30": 1}}
		r.answer = func([]string) (int, string, bool) { return 0, "", false }
		run(t, sender(t, o, r, nil), time.Minute)
		if pending(t, o) != 0 || len(r.had) != 30 || len(r.posts) != 31 {
			t.Errorf("%d are pending, %d arrived in %d posts", pending(t, o), len(r.had), len(r.posts))
		}
		for customer, n := range r.had {
			if n != 1 {
				t.Errorf("%s arrived %d times", customer, n)
			}
		}

		// In other capitals, and one alone.
		o = newOutbox(t, 1)
		r.answer = func([]string) (int, string, bool) { return 400, `{"message":" DATA  sudah pernah DIKIRIM\n"}`, true }
		r.posts = nil
		run(t, sender(t, o, r, nil), time.Minute)
		if pending(t, o) != 0 || len(r.posts) != 1 {
			t.Errorf("%d are pending after %d posts", pending(t, o), len(r.posts))
		}
	})
}

// TestRefused: one that will not be had keeps no other from arriving, and is
// tried ever more seldom; where all are refused, few are tried.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutbox(t, 50), &receiver{t: t}
		r.answer = func(customers []string) (int, string, bool) {
			return 422, `{"message":"NIK tidak valid"}`, slices.Contains(customers, "request-7")
		}
		s := sender(t, o, r, nil)
		run(t, s, time.Minute)
		if pending(t, o) != 1 || len(r.had) != 49 {
			t.Errorf("%d are pending, %d arrived", pending(t, o), len(r.had))
		}
		before := len(r.posts)
		run(t, s, 48*time.Hour)
		if n := len(r.posts) - before; n < 8 || n > 30 {
			t.Errorf("%d tries in two days", n)
		}
		r.answer = nil
		run(t, s, 7*time.Hour)
		if pending(t, o) != 0 {
			t.Error("it is given up")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutbox(t, 300), &receiver{t: t}
		r.answer = func([]string) (int, string, bool) { return 400, `{"message":"format salah"}`, true }
		s := sender(t, o, r, nil)
		run(t, s, time.Hour)
		if n := len(r.posts); n > 200 {
			t.Errorf("%d posts in an hour although all are refused", n)
		}
		r.answer = nil
		run(t, s, 12*time.Hour)
		if pending(t, o) != 0 {
			t.Errorf("afterwards %d are pending", pending(t, o))
		}
	})
}

// TestOutboxFails: nothing is lost, and the sender does not spin.
func TestOutboxFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutbox(t, 3), &receiver{t: t, already: true}
		s := sender(t, o, r, nil)
		// It fails after the post and before its record.
		r.answer = func([]string) (int, string, bool) {
			if len(r.had) == 0 {
				o.Fail(errors.New("the disk is full"))
			}
			return 0, "", false
		}
		run(t, s, time.Minute)
		o.Fail(nil)
		if n := len(r.posts); n != 1 || pending(t, o) != 3 {
			t.Errorf("%d posts, %d pending", n, pending(t, o))
		}
		run(t, s, time.Hour)
		if pending(t, o) != 0 || len(r.had) != 3 {
			t.Errorf("%d are pending, %d arrived", pending(t, o), len(r.had))
		}
	})
}

// TestDamagedAreLogged: the log has their number, and the others arrive.
func TestDamagedAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutbox(t, 5), &receiver{t: t}
		o.Damage(3)
		var log bytes.Buffer
		run(t, sender(t, o, r, func(o *balikan.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }), time.Minute)
		if pending(t, o) != 1 || !strings.Contains(log.String(), "rows=1") {
			t.Errorf("%d are pending; log: %s", pending(t, o), &log)
		}
	})
}

// TestTokenIsReadAgain: the token changes, and its file is missing for a while.
func TestTokenIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutbox(t, 0), &receiver{t: t}
		var path string
		s := sender(t, o, r, func(o *balikan.Options) { path = o.TokenFile })
		add := func(n int) { outboxtest.Add(t, o, n, n) }
		add(1)
		run(t, s, time.Minute)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		add(2)
		run(t, s, time.Minute)
		if len(r.posts) != 1 {
			t.Errorf("%d posts without a token", len(r.posts)-1)
		}
		if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, s, time.Hour)
		if len(r.posts) != 2 || r.posts[1].token != "Bearer another" || pending(t, o) != 0 {
			t.Errorf("%d posts, %d pending", len(r.posts), pending(t, o))
		}
	})
}

// TestStops: Run returns at once during a post and a pause. Another sender can
// lease at once what was not delivered.
func TestStops(t *testing.T) {
	o := newOutbox(t, 3)
	arrived := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
	}))
	defer server.Close()
	s := sender(t, o, nil, func(o *balikan.Options) { o.URL, o.Client = server.URL, server.Client() })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	<-arrived
	cancel()
	<-done
	if l, err := o.Lease(t.Context(), 10, time.Minute); err != nil || len(l.Rows) != 3 {
		t.Errorf("%d can be leased, %v", len(l.Rows), err)
	}

	// In a pause, which would be long.
	idle := sender(t, newOutbox(t, 0), &receiver{t: t}, func(o *balikan.Options) { o.Interval = time.Hour })
	ctx, cancel = context.WithCancel(t.Context())
	done = make(chan struct{})
	go func() { idle.Run(ctx); close(done) }()
	cancel()
	<-done
}

// TestStalls: an answer that does not come, or not to its end, costs a time-out
// and no more.
func TestStalls(t *testing.T) {
	stall := make(chan struct{})
	var mu sync.Mutex
	posts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		posts++
		n := posts
		mu.Unlock()
		switch n {
		case 1:
			<-r.Context().Done()
		case 2:
			w.Header().Set("Content-Length", "21")
			_, _ = io.WriteString(w, `{"message":"Succ`)
		default:
			_, _ = io.WriteString(w, `{"message":"Success"}`)
			close(stall)
		}
	}))
	defer server.Close()
	o := newOutbox(t, 1)
	s := sender(t, o, nil, func(o *balikan.Options) {
		o.URL, o.Client = server.URL, server.Client()
		o.Timeout, o.Wait, o.MaxWait, o.Interval = 50*time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	<-stall
	for pending(t, o) > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
}

// TestLogShowsNothing: at debug level, of everything that can go wrong.
func TestLogShowsNothing(t *testing.T) {
	var log bytes.Buffer
	handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	synctest.Test(t, func(t *testing.T) {
		o, r := newOutbox(t, 4), &receiver{t: t}
		n := 0
		r.answer = func(customers []string) (int, string, bool) {
			n++
			switch n % 5 {
			case 0:
				return 0, "", true
			case 1:
				return 422, `{"message":"NIK 9999000000000001 rahasia-4711"}`, true
			default:
				return 500 - 100*(n%2), `{"message":"9999000000000002"}`, true
			}
		}
		run(t, sender(t, o, r, func(o *balikan.Options) { o.Log = slog.New(handler) }), 24*time.Hour)
	})
	if log.Len() == 0 {
		t.Fatal("nothing is logged")
	}
	for _, secret := range []string{testToken, "99990000", "dukcapil.invalid", "request-", "10.0.0.1", "NIK"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, &log)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	empty, long, two := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "c")
	for path, content := range map[string]string{empty: " \n", long: strings.Repeat("x", 1<<15), two: "one\ntwo"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(o *balikan.Options){
		"no address":              func(o *balikan.Options) { o.URL = "" },
		"no scheme":               func(o *balikan.Options) { o.URL = "dukcapil.invalid/store" },
		"another scheme":          func(o *balikan.Options) { o.URL = "ftp://dukcapil.invalid/store" },
		"a password":              func(o *balikan.Options) { o.URL = "https://me:rahasia-4711@dukcapil.invalid" },
		"not an address":          func(o *balikan.Options) { o.URL = "https://rahasia-4711\x7f" },
		"no institution":          func(o *balikan.Options) { o.InstitutionID = "" },
		"no name":                 func(o *balikan.Options) { o.InstitutionName = "" },
		"no token":                func(o *balikan.Options) { o.TokenFile = "" },
		"a token that is missing": func(o *balikan.Options) { o.TokenFile += ".missing" },
		"an empty token":          func(o *balikan.Options) { o.TokenFile = empty },
		"a token too long":        func(o *balikan.Options) { o.TokenFile = long },
		"two tokens":              func(o *balikan.Options) { o.TokenFile = two },
	} {
		o := balikan.Options{
			Outbox: newOutbox(t, 0),
			Config: balikan.Config{URL: "https://dukcapil.invalid/store", TokenFile: tokenFile(t), InstitutionID: "L-1", InstitutionName: "Bank"},
		}
		change(&o)
		_, err := balikan.New(o)
		if sesuai.KindOf(err) != sesuai.KindConfiguration || strings.Contains(err.Error(), testToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzAnswers: nothing but the two answers that say so is a delivery.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"message":"Success"}`, `{"message":"Data sudah pernah dikirim"}`, `{"message":" SUCCESS "}`, `{"message":"Success"`,
		`{"message":"Success"}{}`, `{"message":null}`, `[{"message":"Success"}]`, `{"message":"Success","message":"Gagal"}`, ``,
	} {
		f.Add(200, body)
		f.Add(400, body)
		f.Add(500, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 100 || status > 999 {
			return // no status of HTTP
		}
		var said struct{ Message *string }
		word := ""
		if json.Unmarshal([]byte(body), &said) == nil && said.Message != nil {
			word = strings.ToLower(strings.Join(strings.Fields(*said.Message), " "))
		}
		want := 1
		if status == 200 && word == "success" || status == 400 && word == "data sudah pernah dikirim" {
			want = 0
		}
		synctest.Test(t, func(t *testing.T) {
			o := newOutbox(t, 1)
			r := &receiver{t: t, answer: func([]string) (int, string, bool) { return status, body, true }}
			run(t, sender(t, o, r, nil), time.Second)
			if got := pending(t, o); got != want {
				t.Errorf("status %d, %q: %d pending, want %d", status, body, got, want)
			}
		})
	})
}
