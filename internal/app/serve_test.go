package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry/registrytest"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/test/process"
)

const noAnswer = `{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`

const disallowed = `{"error":"Access to this API has been disallowed"}`

// slowModel makes a model file give its bytes only when release is called:
// until then the face engine is starting.
func slowModel(t *testing.T) (release func()) {
	t.Helper()
	path, model := replaceModel(t, "fr_feature.onnx")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// For reading, too, so that opening does not wait for the engine.
	pipe, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		_ = pipe.SetWriteDeadline(time.Now().Add(patience))
		_, err := pipe.Write(model)
		if err := errors.Join(err, pipe.Close()); err != nil {
			t.Error(err)
		}
	})
}

// freeAddress is an address that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestReadiness: alive from the first moment, ready once the engine is, and in
// between a verification is told to come again.
func TestReadiness(t *testing.T) {
	process.Need(t, realModels, photosDir)
	c := config(t)
	who := prepare(t, c, ayu)
	release := slowModel(t)
	c.Listen = freeAddress(t)
	s, ready := serve(t, c)
	t.Cleanup(release) // before the service is waited for
	s.who, s.address = who, "http://"+c.Listen

	awaitAlive(t, s)
	for range 2 {
		if status, body := s.get(t, "/healthz"); status != 200 || body != `{"status":"ok"}` {
			t.Errorf("/healthz: %d %s", status, body)
		}
		if status, body := s.get(t, "/readyz"); status != 503 || body != `{"status":"not ready"}` {
			t.Errorf("/readyz while the engine starts: %d %s", status, body)
		}
	}
	contentType, body := form(t, ayu.asks(), readPhoto(t, "ayu-selfie.jpg"))
	resp, err := s.client.Do(s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, body))
	if err != nil {
		t.Fatal(err)
	}
	early, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != 503 || string(early) != noAnswer || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("a verification while the engine starts: %d %s, Retry-After %q", resp.StatusCode, early, resp.Header.Get("Retry-After"))
	}
	select {
	case <-ready:
		t.Fatal("said to be ready without its models")
	default:
	}

	release()
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatalf("not ready: %v", s.stop())
	}
	if status, body := s.get(t, "/readyz"); status != 200 || body != `{"status":"ready"}` {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, body := s.verify(t, ayu.asks()); status != 200 || !strings.HasPrefix(body, `{"verification_status":true,`) {
		t.Errorf("a verification: %d %s", status, body)
	}
}

// awaitAlive waits until the service takes connections.
func awaitAlive(t *testing.T, s *service) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		resp, err := s.client.Get(s.address + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Fatalf("its first answer to /healthz is %d", resp.StatusCode)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

// TestVerification: the outcomes that are about people, end to end, each of
// them in the audit trail.
func TestVerification(t *testing.T) {
	const percentage = `[0-9]{1,3}(\.[0-9]{1,2})?`
	gone := person{nik: "9999000000000001", name: "SAFITRI HANDAYANI", born: "01-10-1998", photo: "safitri.jpg", status: sesuai.Deceased}
	faceless := person{nik: "9999000000000002", name: "GALUH SEKARWANGI", born: "01-10-1998", status: sesuai.Active}
	s := start(t, config(t), ayu, gone, faceless)
	tests := []struct {
		about  string
		claim  person
		status int
		body   string // a regular expression
	}{
		{"R1", ayu.asks(), 200, `{"verification_status":true,"reason":"Verification Success","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":` + percentage + `}}`},
		{"R2", ayu.asks(func(p *person) { p.nik = "9999999999999999" }), 200, `{"verification_status":false,"reason":"NIK not found on Dukcapil database","result":{"nik":false,"name":null,"date_of_birth":null,"face_image_percentage":0}}`},
		{"R3", ayu.asks(func(p *person) { p.name = "SURYANI HAPSARI" }), 200, `{"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":` + percentage + `}}`},
		{"R4", ayu.asks(func(p *person) { p.born = "13-03-1990" }), 200, `{"verification_status":false,"reason":"Date of birth does not match","result":{"nik":true,"name":true,"date_of_birth":false,"face_image_percentage":` + percentage + `}}`},
		{"R5", ayu.asks(func(p *person) { p.photo = "rani-selfie.jpg" }), 200, `{"verification_status":false,"reason":"Selfie image does not pass the threshold","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":` + percentage + `}}`},
		{"deceased", gone, 200, `{"verification_status":false,"reason":"NIK is not active on Dukcapil database","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":null}}`},
		{"no portrait", ayu.asks(func(p *person) { p.nik, p.name, p.born = faceless.nik, faceless.name, faceless.born }), 200, `{"verification_status":false,"reason":"Face is not available on Dukcapil database","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":null}}`},
		{"R6", ayu.asks(func(p *person) { p.nik = "123" }), 400, `{"verification_status":false,"reason":"Invalid NIK number format"}`},
		{"R7", ayu.asks(func(p *person) { p.born = "31-02-1990" }), 400, `{"verification_status":false,"reason":"Invalid date_of_birth format"}`},
	}
	recorded := int64(5) // three people and a client were added, and the configuration is new
	for _, test := range tests {
		status, body := s.verify(t, test.claim)
		want := regexp.MustCompile("^" + strings.ReplaceAll(strings.ReplaceAll(test.body, "{\"", `\{"`), "}}", `\}\}`) + "$")
		if status != test.status || !want.MatchString(body) {
			t.Errorf("%s: %d %s", test.about, status, body)
		}
		if status == 200 {
			recorded++
		}
	}
	// As another process sees it, while the service runs.
	storage, err := app.OpenStorage(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	if head, err := storage.Trail.Verify(t.Context()); err != nil || head.Seq != recorded {
		t.Errorf("the trail has %d events, want %d: %v", head.Seq, recorded, err)
	}
	if _, err := storage.People.Enrol(t.Context(), registrytest.Person(t, 3), nil); err != nil {
		t.Errorf("enrolling while the service runs: %v", err)
	}
}

// TestClientsOfAnotherProcess: a client is known at the next request after it
// was added, and unknown at the next one after it was removed.
func TestClientsOfAnotherProcess(t *testing.T) {
	s := start(t, config(t), ayu)
	other, err := app.OpenStorage(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, other)
	for i := range 3 {
		name := fmt.Sprintf("client %d", i)
		s.who = addClient(t, other, name, access.Client{})
		if status, body := s.verify(t, ayu.asks()); status != 200 {
			t.Errorf("after %s was added: %d %s", name, status, body)
		}
		if removed, err := other.Clients.RemoveClient(t.Context(), name); err != nil || !removed {
			t.Fatal(removed, err)
		}
		if status, body := s.verify(t, ayu.asks()); status != 401 || body != disallowed {
			t.Errorf("after %s was removed: %d %s", name, status, body)
		}
	}
}

// TestShutdown: a request that is in flight when the service is told to stop
// is answered, while nobody new is let in.
func TestShutdown(t *testing.T) {
	s := start(t, config(t), ayu)
	contentType, body := form(t, ayu.asks(), readPhoto(t, "ayu-selfie.jpg"))
	address := strings.TrimPrefix(s.address, "http://")
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	r := s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, nil)
	fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nX-Api-Key: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		httpapi.FaceVerificationPath, address, r.Header.Get("Authorization"), s.who.APIKey, contentType, len(body))
	answers := bufio.NewReader(connection)
	// It has been let in, and is being waited for.
	if resp, err := http.ReadResponse(answers, nil); err != nil || resp.StatusCode != http.StatusContinue {
		t.Fatal(resp, err)
	}

	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	deadline := time.Now().Add(patience)
	for {
		c, err := net.Dial("tcp", address)
		if err != nil {
			break // nobody is let in any more
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("connections are still taken")
		}
		runtime.Gosched()
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in flight: %v", err)
	default:
	}
	if _, err := connection.Write(body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("a request in flight is not answered: %v", err)
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(string(answer), `{"verification_status":true,`) {
		t.Errorf("the request in flight: %d %s, %v", resp.StatusCode, answer, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve: %v", err)
	}
	// The log says that it stops, and why, and that it has; the request in
	// flight may be answered before the first is written.
	var lines []string
	for line := range strings.Lines(s.log.String()) {
		var l struct{ Msg, Why string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(l.Msg+" "+l.Why))
	}
	want := []string{
		"this configuration differs from the one that was recorded last",
		"there is no file of checkpoints of the audit trail: events that were removed from its end before this start do not show",
		"ready", "request", "stopping told to stop", "stopped",
	}
	if len(lines) == len(want) {
		slices.Sort(lines[3:5])
	}
	if !cmp.Equal(lines, want) {
		t.Errorf("the log: %s", cmp.Diff(want, lines))
	}
	// What was answered is recorded, and the folder can be used again.
	storage, err := app.OpenStorage(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	// Besides the verification, that somebody and a client were added, and the
	// configuration.
	if head, err := storage.Trail.Verify(t.Context()); err != nil || head.Seq != 4 {
		t.Errorf("the trail has %d events: %v", head.Seq, err)
	}
}

// TestStoppedAtTheStart: a service that is told to stop before it is ready
// ends without an error, or with the context's.
func TestStoppedAtTheStart(t *testing.T) {
	process.Need(t, realModels)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := app.Serve(ctx, config(t), app.ServeOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil && !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("Serve: %v", err)
	}
}
