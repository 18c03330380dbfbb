package console_test

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/telemetry"
	"github.com/sesuai/sesuai/internal/verify"
)

// fakeTrials is console.Trials.
type fakeTrials struct {
	event audit.Event
	err   error
	got   []verify.Trial
	// entered is sent to by each trial, which then waits for release, unless they are nil.
	entered, release chan struct{}
}

func (f *fakeTrials) Try(ctx context.Context, t verify.Trial) (audit.Event, error) {
	if f.entered != nil {
		f.entered <- struct{}{}
		<-f.release
		return f.event, f.err
	}
	seen := t
	seen.Photo = bytes.Clone(t.Photo)
	f.got = append(f.got, t, seen)
	telemetry.Of(ctx).Measure("sharpness", 83.5)
	_, timing := telemetry.Start(ctx, telemetry.Template)
	timing.End()
	return f.event, f.err
}

// claimed is a claim as a browser sends it.
var claimed = map[string]string{"nik": "9999000000000001", "name": "SITI AMINAH", "born": "1990-03-12"}

// trial returns the form of a trial: its type and its body. An empty photograph is left out.
func (b *browser) trial(t *testing.T, fields map[string]string, photo string) (contentType string, body *bytes.Buffer) {
	t.Helper()
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	err := w.WriteField("token", b.token)
	for name, value := range fields {
		err = errors.Join(err, w.WriteField(name, value))
	}
	if photo != "" {
		part, err1 := w.CreateFormFile("photo", hostile+".jpg")
		_, err2 := part.Write([]byte(photo))
		err = errors.Join(err, err1, err2)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), body
}

func (b *browser) try(t *testing.T, fields map[string]string, photo string) answer {
	t.Helper()
	contentType, body := b.trial(t, fields, photo)
	return b.sendBody("POST", "/try", contentType, body)
}

// trialEvent is one of a trial with that percentage.
func trialEvent(t *testing.T, percentage float64) audit.Event {
	e := event(t, 1, "trial-1", percentage)
	e.Client, e.Reference, e.Flags, e.Actor = verify.TrialClient, "", audit.Trial, "operator:admin"
	return e
}

// TestTry: the verdict is explained, to support by its reason alone. Nothing that was
// entered is shown again, and the photograph is overwritten.
func TestTry(t *testing.T) {
	scores := []string{"The percentage is 71.25. Of 1,000,000 pairs of different people about 200 reach this.", "The default. Of 1,000,000 pairs", "97 of 100", "Sharpness", "83.5", "Making the template"}
	refused := trialEvent(t, 40)
	refused.Result, refused.Reason, refused.Measures = audit.Refused, string(sesuai.KindFaceQuality), []string{"sharpness"}
	for _, test := range []struct {
		role      string
		event     audit.Event
		want, not []string
	}{
		{"admin", trialEvent(t, 71.25), append(scores, "the face is under the threshold", "A trial asks Dukcapil, for Rp 1.000."), nil},
		{"auditor", trialEvent(t, 71.25), scores, nil},
		{"support", trialEvent(t, 71.25), []string{"the face is under the threshold", "not shown to your role"}, []string{"71.25", "97", "83.5", "Sharpness", "Making"}},
		{"support", trialEvent(t, 88.5), []string{"everything matches"}, []string{"88.5", "97", "about"}},
		{"support", refused, []string{"the quality is too low", "blurred: hold the camera still"}, []string{"83.5", "Making"}},
	} {
		w := open(t)
		w.trials.event = test.event
		b := w.signIn(t, test.role)
		if page := b.get("/try"); page.header.Get("Permissions-Policy") != "camera=(self), microphone=(), geolocation=()" {
			t.Errorf("the page may not use the camera: %v", page.header)
		}
		page := b.try(t, claimed, "a photograph")
		assertHeaders(t, "a trial", page)
		for _, text := range test.want {
			if !strings.Contains(page.text, text) {
				t.Errorf("%s: %d, no %q in\n%s", test.role, page.status, text, page.text)
			}
		}
		for _, text := range append(test.not, claimed["nik"], claimed["name"], claimed["born"], "12-03-1990", "alert(1)") {
			if strings.Contains(page.text, text) {
				t.Errorf("%s: the page has %q", test.role, text)
			}
		}
		if len(w.trials.got) != 2 {
			t.Fatalf("%d trials", len(w.trials.got)/2)
		}
		after, seen := w.trials.got[0], w.trials.got[1]
		if seen.Actor != "operator:"+test.role || string(seen.Photo) != "a photograph" || seen.Claim.DateOfBirth.Reveal() != "12-03-1990" ||
			seen.Claim.NIK.Reveal() != claimed["nik"] || seen.Claim.Name.Reveal() != claimed["name"] {
			t.Errorf("tried is %+v", seen)
		}
		if len(bytes.Trim(after.Photo, "\x00")) > 0 {
			t.Error("the photograph is not overwritten")
		}
	}
}

// TestTrialAmongVerifications: the search and the page of an event say whose trial it was.
func TestTrialAmongVerifications(t *testing.T) {
	w := open(t)
	w.append(t, w.db, trialEvent(t, 71.25))
	seq := w.seqOf(t, "trial-1")
	if page := w.signIn(t, "support").get("/verifications/" + seq); page.status != 200 || strings.Contains(page.text, "97") || strings.Contains(page.text, "71.25") {
		t.Errorf("the event for support: %d %s", page.status, page.text)
	}
	b := w.signIn(t, "admin")
	if page := b.get("/verifications"); !strings.Contains(page.text, "trial by operator:admin") {
		t.Errorf("the search: %s", page.text)
	}
	if page := b.get("/verifications/" + seq); !strings.Contains(page.text, "a trial in the console") || !strings.Contains(page.text, "The default. Of") {
		t.Errorf("the event: %s", page.text)
	}
}

// TestTryRefuses: what cannot be used reaches no verifier, and is not repeated.
func TestTryRefuses(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "support")
	with := func(name, value string) map[string]string {
		all := map[string]string{name: value}
		for key, text := range claimed {
			if key != name {
				all[key] = text
			}
		}
		return all
	}
	for what, test := range map[string]struct {
		fields map[string]string
		photo  string
		status int
		text   string
	}{
		"no photograph":     {claimed, "", 400, "There is no photograph."},
		"no NIK":            {with("nik", hostile), "x", 400, "A NIK has 16 digits."},
		"no name":           {with("name", ""), "x", 400, "The name cannot be used."},
		"no date":           {with("born", hostile), "x", 400, "That is no date of birth."},
		"a large file":      {claimed, strings.Repeat("x", 200_000), 413, "The file is too large."},
		"a long field":      {with("name", strings.Repeat("x", 2000)), "x", 400, "cannot be used"},
		"no token":          {with("token", "x"), "x", 403, "may not"},
		"a file for a name": {with("photo", "x"), "x", 400, "cannot be used"}, // two of them
	} {
		if what == "no token" {
			token := b.token
			b.token = ""
			defer func() { b.token = token }()
		}
		page := b.try(t, test.fields, test.photo)
		assertHeaders(t, what, page)
		if page.status != test.status || !strings.Contains(page.text, test.text) || strings.Contains(page.text, "alert(1)") {
			t.Errorf("%s: %d %s", what, page.status, page.text)
		}
		b = w.signIn(t, "support")
	}
	for what, body := range map[string]string{"garbage": "--x\r\ngarbage", "cut off": "--x\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\nhalf"} {
		if page := b.sendBody("POST", "/try", "multipart/form-data; boundary=x", strings.NewReader(body)); page.status != 400 {
			t.Errorf("%s: %d", what, page.status)
		}
	}
	if page := b.post("/try", url.Values{"nik": {"1"}}); page.status != 415 {
		t.Errorf("a form without a file: %d", page.status)
	}
	if len(w.trials.got) > 0 {
		t.Errorf("%d were tried", len(w.trials.got)/2)
	}
}

// TestTryFails: errors are said on the page.
func TestTryFails(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	for kind, want := range map[sesuai.Kind]struct {
		status int
		text   string
	}{
		sesuai.KindUnavailable: {503, "There is no answer: the registry"},
		sesuai.KindOverloaded:  {503, "too much to do at the moment"},
		sesuai.KindInternal:    {500, "This should not happen."},
	} {
		w.trials.err = &sesuai.Error{Kind: kind}
		if page := b.try(t, claimed, "x"); page.status != want.status || !strings.Contains(page.text, want.text) {
			t.Errorf("%s: %d %s", kind, page.status, page.text)
		}
	}
}

// TestTryTooOften: an operator has to wait after some trials, and others have not.
func TestTryTooOften(t *testing.T) {
	w := open(t)
	w.trials.event = trialEvent(t, 88.5)
	b := w.signIn(t, "admin")
	for n := range 6 {
		want := 200
		if n == 5 {
			want = 429
		}
		if page := b.try(t, claimed, "x"); page.status != want || want == 429 && (page.header.Get("Retry-After") == "" || !strings.Contains(page.text, "Wait ten seconds")) {
			t.Errorf("trial %d: %d %s", n, page.status, page.text)
		}
	}
	w.pass(10 * time.Second)
	if page := b.try(t, claimed, "x"); page.status != 200 {
		t.Errorf("after the wait: %d", page.status)
	}
	if page := w.signIn(t, "auditor").try(t, claimed, "x"); page.status != 200 {
		t.Errorf("another operator: %d", page.status)
	}
}

// TestManyUploads: while two photographs are verified, a third one is not read.
func TestManyUploads(t *testing.T) {
	w := open(t)
	w.trials = fakeTrials{event: trialEvent(t, 88.5), entered: make(chan struct{}), release: make(chan struct{})}
	b := w.signIn(t, "admin")
	statuses := make(chan int, 2)
	for range cap(statuses) {
		contentType, body := b.trial(t, claimed, "x")
		one := *b
		go func() { statuses <- one.sendBody("POST", "/try", contentType, body).status }()
		<-w.trials.entered
	}
	if page := b.try(t, claimed, "x"); page.status != 503 {
		t.Errorf("a third one: %d", page.status)
	}
	close(w.trials.release)
	for range cap(statuses) {
		if status := <-statuses; status != 200 {
			t.Errorf("one of two: %d", status)
		}
	}
	w.trials.entered = nil
	if page := b.try(t, claimed, "x"); page.status != 200 {
		t.Errorf("after them: %d", page.status)
	}
}
