package httpapi_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// TestCredentials: whichever credential is missing or wrong, the response is the
// same byte for byte, and the body is not read.
func TestCredentials(t *testing.T) {
	const bad = "wrong"
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	authorizations := map[string]string{
		"missing": "", "right": basic(testUser, testPassword), "wrong user": basic(bad, testPassword),
		"wrong password": basic(testUser, bad), "both wrong": basic(bad, bad), "empty": basic("", ""),
		"key as password": basic(testUser, testKey), "not base64": "Basic !", "another scheme": "Bearer " + testKey,
		"no colon": "Basic " + base64.StdEncoding.EncodeToString([]byte(testUser)),
	}
	keys := map[string]string{"missing": "", "right": testKey, "wrong": bad, "password as key": testPassword}

	answers := make(map[string]bool)
	for about, authorization := range authorizations {
		for aboutKey, key := range keys {
			body := &reads{Reader: strings.NewReader(multipartBody(everyPart()...))}
			r := postReader("multipart/form-data; boundary="+boundary, body)
			r.Header.Del("Authorization")
			r.Header.Del("X-Api-Key")
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			if key != "" {
				r.Header.Set("X-Api-Key", key)
			}
			resp := newService().do(r)
			text := checkEnvelope(t, resp)
			if about == "right" && aboutKey == "right" {
				if resp.StatusCode != 200 {
					t.Errorf("good credentials: %d %s", resp.StatusCode, text)
				}
				continue
			}
			if body.n != 0 {
				t.Errorf("%s, key %s: %d bytes of the body were read", about, aboutKey, body.n)
			}
			resp.Header.Del("Request-Id")
			answers[fmt.Sprint(resp.StatusCode, resp.Header, text)] = true
		}
	}
	if len(answers) != 1 {
		t.Errorf("wrong credentials can be told apart: %v", answers)
	}
	for a := range answers {
		if !strings.HasPrefix(a, "401 ") || !strings.Contains(a, "Www-Authenticate:[Basic]") {
			t.Errorf("got %s", a)
		}
	}
}

// TestClientsUnreadable: if the clients cannot be read, the response does not
// say that the credentials are wrong.
func TestClientsUnreadable(t *testing.T) {
	s := newService()
	s.options.Authenticator = brokenAuthenticator{}
	resp := s.do(postParts(everyPart()...))
	if body := checkEnvelope(t, resp); resp.StatusCode != 503 || body != r8 {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

type brokenAuthenticator struct{}

func (brokenAuthenticator) Authenticate(context.Context, access.Attempt) (access.Client, error) {
	return access.Client{}, &sesuai.Error{Kind: sesuai.KindUnavailable}
}

// TestRoutes: variants of a path reach their handler without a redirect, and
// unknown methods and paths are answered in JSON.
func TestRoutes(t *testing.T) {
	for _, tt := range []struct {
		method, target string
		status         int
		body, allow    string
	}{
		{"GET", "/healthz", 200, `{"status":"ok"}`, ""},
		{"GET", "/readyz", 200, `{"status":"ready"}`, ""},
		{"GET", "//healthz/", 200, `{"status":"ok"}`, ""},
		{"POST", "/healthz", 405, `{"error":"Method not allowed"}`, "GET, HEAD"},
		{"GET", "/identity/v1/face-verification", 405, `{"error":"Method not allowed"}`, "POST"},
		{"HEAD", "/identity/v1/face-verification", 405, `{"error":"Method not allowed"}`, "POST"},
		{"PUT", "/identity/v1/face-verification/", 405, `{"error":"Method not allowed"}`, "POST"},
		{"OPTIONS", "/identity/v1/face-verification", 405, `{"error":"Method not allowed"}`, "POST"},
		{"BREW", "//identity/v1/face-verification", 405, `{"error":"Method not allowed"}`, "POST"},
		{"TRACE", "/", 404, `{"error":"Not found"}`, ""},
		{"GET", "/", 404, `{"error":"Not found"}`, ""},
		{"POST", "/identity/v1/", 404, `{"error":"Not found"}`, ""},
		{"POST", "/identity/v2/face-verification", 404, `{"error":"Not found"}`, ""},
		{"POST", "/identity/v1/face-verification/x", 404, `{"error":"Not found"}`, ""},
		{"POST", "/identity/v1/Face-Verification", 404, `{"error":"Not found"}`, ""},
		{"GET", "/%zz-" + testNIK, 404, `{"error":"Not found"}`, ""},
		{"POST", "/identity/v1/face-verification", 200, r1, ""},
		{"POST", "/identity/v1/face-verification/", 200, r1, ""},
		{"POST", "//identity/v1/face-verification", 200, r1, ""},
		{"POST", "///identity//v1///face-verification//", 200, r1, ""},
		{"POST", "/identity/v1/../v1/./face-verification", 200, r1, ""},
		{"POST", "/identity/v1/%66ace-verification", 200, r1, ""},
		{"POST", "/identity/v1/face-verification?nik=" + testNIK, 200, r1, ""},
	} {
		t.Run(tt.method+" "+strings.ReplaceAll(tt.target, testNIK, "NIK"), func(t *testing.T) {
			r := postParts(everyPart()...)
			r.Method = tt.method
			u, err := r.URL.Parse("http://example.org/")
			if err != nil {
				t.Fatal(err)
			}
			u.Path, u.RawQuery, _ = strings.Cut(tt.target, "?")
			u.Path = strings.ReplaceAll(u.Path, "%66", "f")
			r.URL = u
			resp := newService().do(r)
			body := checkEnvelope(t, resp)
			if resp.StatusCode != tt.status || body != tt.body || resp.Header.Get("Allow") != tt.allow {
				t.Errorf("got %d %s, Allow %q", resp.StatusCode, body, resp.Header.Get("Allow"))
			}
		})
	}
}

// TestNotReady: the reason is in the log, not in the response.
func TestNotReady(t *testing.T) {
	s := newService()
	s.options.Ready = func() error { return errors.New("the model is loading") }
	resp := s.do(httptest.NewRequest("GET", "/readyz", nil))
	if body := checkEnvelope(t, resp); resp.StatusCode != 503 || body != `{"status":"not ready"}` {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if !strings.Contains(s.log.String(), "the model is loading") {
		t.Error("the log does not say why")
	}
	if resp := s.do(httptest.NewRequest("GET", "/healthz", nil)); resp.StatusCode != 200 {
		t.Errorf("alive, but %d", resp.StatusCode)
	}
}

// TestPanic: a panic becomes a JSON 500. The log says where it happened, but
// not the panic's value.
func TestPanic(t *testing.T) {
	var nobody *verify.Request
	for about, panics := range map[string]func(verify.Request){
		"a value":      func(r verify.Request) { panic(r.Claim.NIK.Reveal() + string(r.Photo)) },
		"an error":     func(r verify.Request) { panic(errors.New(r.Claim.Name.Reveal())) },
		"a whole form": func(r verify.Request) { panic(r) },
		"the runtime":  func(verify.Request) { _ = nobody.Photo },
	} {
		t.Run(about, func(t *testing.T) {
			s := newService()
			s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
				panics(req)
				return verified, nil
			})
			s.options.MaxInFlight = 1
			server := httpapi.New(s.options)
			for range 2 { // a slot must not be lost
				resp := serve(server, postParts(everyPart()...))
				if body := checkEnvelope(t, resp); resp.StatusCode != 500 || body != `{"error":"Internal server error"}` {
					t.Errorf("got %d %s", resp.StatusCode, body)
				}
			}
			checkNothingShows(t, s.log.String())
			if !strings.Contains(s.log.String(), "httpapi_test.TestPanic") {
				t.Errorf("the log does not say where: %s", s.log.String())
			}
		})
	}
	t.Run("to drop the connection", func(t *testing.T) {
		s := newService()
		s.options.Ready = func() error { panic(http.ErrAbortHandler) }
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("net/http gets the panic %v", p)
			}
		}()
		s.do(httptest.NewRequest("GET", "/readyz", nil))
	})
}

// checkNothingShows fails if the text contains anything of the test's person or
// credentials.
func checkNothingShows(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{
		testNIK, testName, "Sari", "Contoh", testDate, "canary", "\x89PNG", testPassword, testKey, testUser,
		base64.StdEncoding.EncodeToString([]byte(testPhoto))[:24],
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows in: %s", secret, text)
		}
	}
}

// TestNothingPersonalShows sends the test's person in valid and broken requests,
// with every kind of result, and looks for it in the responses, the log and the
// folder for temporary files.
func TestNothingPersonalShows(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	multi := "multipart/form-data; boundary=" + boundary
	whole := multipartBody(everyPart()...)
	large := multipartBody(with("face_image", testPhoto+strings.Repeat("x", 1<<20))...)
	json := `{"nik":"` + testNIK + `","name":"` + testName + `","date_of_birth":"` + testDate + `","face_image":"` + testPhoto[8:] + `"}`
	requests := map[string]func() *http.Request{
		"good":           func() *http.Request { return post(multi, whole) },
		"large":          func() *http.Request { return post(multi, large) },
		"cut off":        func() *http.Request { return post(multi, whole[:200]) },
		"broken header":  func() *http.Request { return post(multi, strings.Replace(whole, "Content-D", testNIK+" ", 1)) },
		"JSON":           func() *http.Request { return post("application/json", json) },
		"JSON cut off":   func() *http.Request { return post("application/json", json[:40]) },
		"broken JSON":    func() *http.Request { return post("application/json", `{"`+testNIK+`"`+testName) },
		"bad nik":        func() *http.Request { return post(multi, strings.Replace(whole, testNIK, testNIK+"x", 1)) },
		"bad type":       func() *http.Request { return post(testNIK+"/"+testName, whole) },
		"bad encoding":   func() *http.Request { r := post(multi, whole); r.Header.Set("Content-Encoding", testName); return r },
		"no credentials": func() *http.Request { return anonymous(post(multi, whole)) },
		"in the path":    func() *http.Request { return httptest.NewRequest("GET", "/people/"+testNIK+"?name=Sari", nil) },
		"as the method":  func() *http.Request { return httptest.NewRequest(testNIK, "/healthz", nil) },
		"in many headers": func() *http.Request {
			r := post(multi, whole)
			r.Header.Set("User-Agent", testNIK)
			r.Header.Set("Referer", testName)
			return r
		},
		"id with a space": func() *http.Request { r := post(multi, whole); r.Header.Set("X-Request-Id", testName); return r },
	}
	results := map[string]httpapi.Verifier{
		"as it comes": newService().options.Verifier,
		"a verdict":   verifierFunc(func(context.Context, verify.Request) (sesuai.Verdict, error) { return verified, nil }),
		"an error": verifierFunc(func(_ context.Context, r verify.Request) (sesuai.Verdict, error) {
			return sesuai.Verdict{}, fmt.Errorf("%v: %+v", r.Claim, r.Client.ID)
		}),
		"a panic": verifierFunc(func(_ context.Context, r verify.Request) (sesuai.Verdict, error) { panic(r) }),
	}
	for about, request := range requests {
		for result, verifier := range results {
			s := newService()
			s.options.Verifier = verifier
			resp := s.do(request())
			body := checkEnvelope(t, resp)
			t.Run(about+", "+result, func(t *testing.T) {
				checkNothingShows(t, body)
				checkNothingShows(t, fmt.Sprint(resp.Header))
				checkNothingShows(t, s.log.String())
				if s.log.String() == "" {
					t.Error("nothing was logged")
				}
			})
		}
	}
	files, err := filepath.Glob(filepath.Join(temp, "*"))
	if err != nil || len(files) != 0 {
		t.Errorf("temporary files: %q, %v", files, err)
	}
	if _, err := os.Stat(temp); err != nil {
		t.Errorf("the folder for temporary files is missing: %v", err)
	}
}

// TestLog checks the log line of a request.
func TestLog(t *testing.T) {
	for name, test := range map[string]struct {
		verdict sesuai.Verdict
		err     error
		want    []string
	}{
		"an error": {sesuai.Verdict{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New("connection refused")}, []string{
			`"level":"WARN"`, `"status":503`, `"kind":"UNAVAILABLE"`, `"cause":"UNAVAILABLE: connection refused"`,
		}},
		"verified": {verified, nil, []string{
			`"level":"INFO"`, `"status":200`, `"outcome":"verified"`, `"reason":"Verification Success"`,
		}},
		"not verified": {sesuai.Verdict{Reason: sesuai.ReasonNameDiffers}, nil, []string{
			`"level":"INFO"`, `"status":200`, `"outcome":"not_verified"`, `"reason":"Name does not match"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService()
			s.answers(test.verdict, test.err)
			r := postParts(everyPart()...)
			r.Header.Set("X-Request-Id", "request-1")
			s.do(r)
			line := s.log.String()
			for _, want := range append(test.want, `"request_id":"request-1"`, `"client":"client-1"`, `"method":"POST"`,
				`"route":"POST /identity/v1/face-verification"`, `"duration_ms":`) {
				if !strings.Contains(line, want) {
					t.Errorf("no %s in %s", want, line)
				}
			}
			if strings.Count(line, "\n") != 1 {
				t.Errorf("not one line: %s", line)
			}
		})
	}
}

// TestOverload: MaxInFlight requests are verified at once. One more is refused
// before its body is read. Slots are released.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.options.MaxInFlight = 3
		s.options.Verifier = verifierFunc(func(context.Context, verify.Request) (sesuai.Verdict, error) {
			time.Sleep(time.Second)
			return verified, nil
		})
		server := httpapi.New(s.options)
		do := func(r *http.Request) *http.Response { return serve(server, r) }
		for range 2 {
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					if resp := do(postParts(everyPart()...)); resp.StatusCode != 200 {
						t.Errorf("got %d with a slot to spare", resp.StatusCode)
					}
				})
			}
			synctest.Wait()
			body := &reads{Reader: strings.NewReader(multipartBody(everyPart()...))}
			resp := do(postReader("multipart/form-data; boundary="+boundary, body))
			if text := checkEnvelope(t, resp); resp.StatusCode != 503 || text != r8 || resp.Header.Get("Retry-After") != "1" {
				t.Errorf("got %d %s", resp.StatusCode, text)
			}
			if body.n != 0 {
				t.Errorf("%d bytes of the body were read", body.n)
			}
			if resp := do(anonymous(postParts(everyPart()...))); resp.StatusCode != 401 {
				t.Errorf("a caller without credentials learns of the overload: %d", resp.StatusCode)
			}
			if resp := do(httptest.NewRequest("GET", "/healthz", nil)); resp.StatusCode != 200 {
				t.Errorf("an overload affects /healthz: %d", resp.StatusCode)
			}
			wg.Wait()
		}
	})
}

// TestOneClientLeavesSlots: a client that holds all slots that it may have is
// refused, and another client is not.
func TestOneClientLeavesSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.options.MaxInFlight = 8
		s.options.Verifier = verifierFunc(func(context.Context, verify.Request) (sesuai.Verdict, error) {
			time.Sleep(time.Second)
			return verified, nil
		})
		// The password is the client's id.
		s.options.Authenticator = authenticatorFunc(func(password string) access.Client {
			return access.Client{ID: password, Scopes: []access.Scope{access.FaceVerification}}
		})
		server := httpapi.New(s.options)
		status := func(client string) int {
			r := postParts(everyPart()...)
			r.SetBasicAuth("user", client)
			w := httptest.NewRecorder()
			server.ServeHTTP(w, r)
			return w.Code
		}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if got := status("greedy"); got != 200 {
					t.Errorf("got %d within the client's share", got)
				}
			})
		}
		synctest.Wait()
		if got := status("greedy"); got != 503 {
			t.Errorf("got %d above the client's share", got)
		}
		if got := status("other"); got != 200 {
			t.Errorf("got %d, blocked by another client", got)
		}
		wg.Wait()
	})
}

// TestTimeout: a verification that takes too long is cancelled.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.options.Timeout = 5 * time.Second
		s.options.Verifier = verifierFunc(func(ctx context.Context, _ verify.Request) (sesuai.Verdict, error) {
			<-ctx.Done()
			return sesuai.Verdict{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: ctx.Err()}
		})
		start := time.Now()
		resp := s.do(postParts(everyPart()...))
		if body := checkEnvelope(t, resp); resp.StatusCode != 503 || body != r8 {
			t.Errorf("got %d %s", resp.StatusCode, body)
		}
		if took := time.Since(start); took != s.options.Timeout {
			t.Errorf("took %v", took)
		}
	})
}
