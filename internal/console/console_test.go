package console_test

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/console"
	"github.com/sesuai/sesuai/internal/operator"
)

// matrix has a row for each route: the request, and what is answered to who is signed
// out, an admin, an auditor and a support officer.
var matrix = map[string]struct {
	path   string
	fields url.Values
	want   [4]int
}{
	"GET /signin":                    {"/signin", nil, [4]int{200, 303, 303, 303}},
	"POST /signin":                   {"/signin", url.Values{"name": {"nobody"}}, [4]int{401, 401, 401, 401}},
	"GET /enrol":                     {"/enrol", nil, [4]int{200, 200, 200, 200}},
	"POST /enrol":                    {"/enrol", url.Values{"name": {"nobody"}}, [4]int{401, 401, 401, 401}},
	"POST /enrol/password":           {"/enrol/password", url.Values{"name": {"nobody"}, "password": {password}, "again": {password}}, [4]int{401, 401, 401, 401}},
	"POST /signin/passkey/challenge": {"/signin/passkey/challenge", nil, [4]int{200, 200, 200, 200}},
	"POST /signin/passkey":           {"/signin/passkey", nil, [4]int{400, 400, 400, 400}},
	"POST /enrol/passkey/challenge":  {"/enrol/passkey/challenge", url.Values{"name": {"nobody"}}, [4]int{401, 401, 401, 401}},
	"POST /enrol/passkey":            {"/enrol/passkey", url.Values{"name": {"nobody"}, "passkey": {"phone"}}, [4]int{401, 401, 401, 401}},
	"GET /signin/oidc":               {"/signin/oidc", nil, [4]int{404, 404, 404, 404}}, // there is no provider
	"GET /signin/oidc/callback":      {"/signin/oidc/callback?code=x&state=y", nil, [4]int{404, 404, 404, 404}},
	"GET /passkeys":                  {"/passkeys", nil, [4]int{303, 200, 200, 200}},
	"POST /passkeys":                 {"/passkeys", nil, [4]int{303, 400, 400, 400}},
	"POST /passkeys/challenge":       {"/passkeys/challenge", nil, [4]int{303, 200, 200, 200}},
	"POST /passkeys/remove":          {"/passkeys/remove", nil, [4]int{303, 404, 404, 404}},
	"GET /{$}":                       {"/", nil, [4]int{303, 303, 303, 303}},
	"POST /signout":                  {"/signout", nil, [4]int{303, 303, 303, 303}},
	"GET /verifications":             {"/verifications", nil, [4]int{303, 200, 200, 200}},
	"POST /verifications":            {"/verifications", nil, [4]int{303, 200, 200, 200}},
	"GET /verifications/{seq}":       {"/verifications/SEQ", nil, [4]int{303, 200, 200, 200}},
	"GET /try":                       {"/try", nil, [4]int{303, 200, 200, 200}},
	"POST /try":                      {"/try", nil, [4]int{303, 415, 415, 415}}, // it is no form with a file
	"GET /people":                    {"/people", nil, [4]int{303, 200, 403, 403}},
	"POST /people":                   {"/people", url.Values{"nik": {"9999000000000001"}}, [4]int{303, 200, 403, 403}},
	"POST /people/add":               {"/people/add", nil, [4]int{303, 415, 403, 403}}, // it is no form with a file
	"GET /clients":                   {"/clients", nil, [4]int{303, 200, 200, 403}},
	"GET /clients/{id}":              {"/clients/cli_bank", nil, [4]int{303, 200, 200, 403}},
	"POST /clients/{id}/disable":     {"/clients/cli_bank/disable", nil, [4]int{303, 200, 403, 403}},
	"POST /clients/{id}/enable":      {"/clients/cli_bank/enable", nil, [4]int{303, 200, 403, 403}},
	"POST /clients/{id}/rotate":      {"/clients/cli_bank/rotate", url.Values{"validfor": {"24h"}, "endolder": {"1"}}, [4]int{303, 200, 403, 403}},
	"POST /clients":                  {"/clients", url.Values{"name": {"new"}, "scope": {"face.match"}}, [4]int{303, 200, 403, 403}},
	"GET /clients/new":               {"/clients/new", nil, [4]int{303, 200, 403, 403}},
	"POST /clients/{id}/settings":    {"/clients/cli_bank/settings", nil, [4]int{303, 400, 403, 403}},
	"GET /approvals":                 {"/approvals", nil, [4]int{303, 200, 200, 403}},
	"POST /approvals/erasure":        {"/approvals/erasure", nil, [4]int{303, 400, 403, 403}},
	"POST /approvals/{id}/approve":   {"/approvals/apr_none/approve", nil, [4]int{303, 404, 403, 403}},
	"POST /approvals/{id}/refuse":    {"/approvals/apr_none/refuse", nil, [4]int{303, 404, 403, 403}},
	"GET /accuracy":                  {"/accuracy", nil, [4]int{303, 200, 200, 403}},
	"GET /audit":                     {"/audit", nil, [4]int{303, 200, 200, 403}},
	"POST /audit/subject":            {"/audit/subject", url.Values{"nik": {"9999000000000001"}}, [4]int{303, 200, 403, 403}},
	"POST /audit/verify":             {"/audit/verify", nil, [4]int{303, 200, 200, 403}},
}

// TestRoles: each route, as each role and signed out. A route without a row fails.
func TestRoles(t *testing.T) {
	w := open(t)
	seq := w.seqOf(t, "request-1")
	for _, pattern := range console.Patterns() {
		row, ok := matrix[pattern]
		if !ok {
			t.Errorf("%s has no row in the matrix", pattern)
			continue
		}
		method, _, _ := strings.Cut(pattern, " ")
		for i, role := range append([]operator.Role{""}, operator.Roles[:]...) {
			w.pass(time.Hour) // nobody has to wait
			b := w.browser()
			if role != "" {
				b = w.signIn(t, string(role))
			}
			path := strings.ReplaceAll(row.path, "SEQ", seq)
			got := b.get(path)
			if method == http.MethodPost {
				got = b.post(path, row.fields)
			}
			if got.status != row.want[i] {
				t.Errorf("%s as %q: %d, want %d", pattern, role, got.status, row.want[i])
			}
			if to := got.header.Get("Location"); role == "" && got.status == 303 && to != "/signin" {
				t.Errorf("%s signed out leads to %s", pattern, to)
			}
			if pattern != "POST /enrol" && got.status == 200 && role != "" && !console.Allowed(pattern, role) {
				t.Errorf("%s is answered to %s", pattern, role)
			}
			assertHeaders(t, pattern, got)
		}
	}
	for pattern := range matrix {
		if !slices.Contains(console.Patterns(), pattern) {
			t.Errorf("the matrix has %s, which is no route", pattern)
		}
	}
}

// seqOf returns the number of the event of a request.
func (w *world) seqOf(t *testing.T, request string) string {
	t.Helper()
	b := w.signIn(t, "admin")
	page := b.post("/verifications", url.Values{"id": {request}})
	m := regexp.MustCompile(`href="/verifications/([0-9]+)"`).FindAllStringSubmatch(page.text, -1)
	if len(m) != 1 {
		t.Fatalf("a search for %s has %d results: %s", request, len(m), page.text)
	}
	return m[0][1]
}

// assertHeaders: every response has the headers that keep other pages out, and no page has
// a script or a style in it.
func assertHeaders(t *testing.T, what string, a answer) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
		"X-Frame-Options":         "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	if m := active.FindString(quoted.ReplaceAllString(module.ReplaceAllString(a.text, ""), `""`)); m != "" {
		t.Errorf("%s: the page has %q", what, m)
	}
	if m := away.FindString(a.text); m != "" {
		t.Errorf("%s: the page leads to %q", what, m)
	}
}

var (
	module = regexp.MustCompile(`<script type="module" src="/assets/[a-z]+\.mjs"></script>`)
	quoted = regexp.MustCompile(`"[^"<>]*"`)
	active = regexp.MustCompile(`(?i)<script|<style|<img|<[a-z][^<>]*\s(style|on[a-z]+)=`)
	away   = regexp.MustCompile(`(?i)="\s*(javascript:|data:|//|https?:)`)
)

// TestVerification: the page of one event explains it by the scale, in both languages, and
// tells support nothing to climb by.
func TestVerification(t *testing.T) {
	w := open(t)
	under, over := w.seqOf(t, "request-1"), w.seqOf(t, "order request-2") // by its reference
	for _, test := range []struct {
		role, language, seq string
		want, not           []string
	}{
		{"admin", "en", under, []string{
			"the face is under the threshold", "The percentage is 71.25. Of 1,000,000 pairs of different people about 200 reach this.",
			"Of 1,000,000 pairs of different people about 100 reach this.", "alike by 97 of 100", "Date of birth", "matches", "on record",
		}, nil},
		{"auditor", "id-ID,id;q=0.9,en;q=0.5", under, []string{
			`<html lang="id">`, "wajah di bawah ambang", "Persentasenya 71,25. Dari 1.000.000 pasang orang yang berbeda sekitar 200 mencapai ini.",
			"Kemiripan nama 97 dari 100", "Tanggal lahir",
		}, []string{"threshold", "matches"}},
		{"support", "fr", under, []string{"the face is under the threshold", "not shown to your role"}, []string{"71.25", "71,25", "0.4375", "about 200"}},
		{"support", "en", over, []string{"everything matches", "The percentage is 88.5. Of 1,000,000 pairs of different people about 4 reach this."}, nil},
	} {
		b := w.signIn(t, test.role)
		b.header = http.Header{"Accept-Language": {test.language}}
		page := b.get("/verifications/" + test.seq)
		for _, text := range test.want {
			if !strings.Contains(page.text, text) {
				t.Errorf("%s, %s: no %q in\n%s", test.role, test.language, text, page.text)
			}
		}
		for _, text := range test.not {
			if strings.Contains(page.text, text) {
				t.Errorf("%s, %s: the page has %q", test.role, test.language, text)
			}
		}
	}
	b := w.signIn(t, "admin")
	for _, path := range []string{"/verifications/0", "/verifications/1", "/verifications/999999", "/verifications/x", "/nothing", "/assets/nothing"} {
		if page := b.get(path); page.status != 404 { // the first event is a change
			t.Errorf("%s: %d", path, page.status)
		}
	}
}

// TestSearch: by each field; a search is an event, and the NIK is in no answer.
func TestSearch(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "support")
	for _, test := range []struct {
		fields url.Values
		want   []string
	}{
		{url.Values{}, []string{"request-2", "request-1"}},
		{url.Values{"nik": {"9999000000000001"}}, []string{"request-1"}},
		{url.Values{"nik": {" 9999000000000009 "}}, nil},
		{url.Values{"client": {"cli_shop"}}, nil},
		{url.Values{"flag": {"SUSPECTED_REPLAY"}}, []string{"request-2"}},
		{url.Values{"flag": {"DUPLICATE_RECORD"}}, nil},
		{url.Values{"client": {"cli_bank"}, "reason": {"success"}}, []string{"request-2"}},
		{url.Values{"from": {"2026-01-02"}, "to": {"2026-01-02"}, "id": {"request-2"}}, []string{"request-2"}},
		{url.Values{"from": {"2026-01-03"}}, nil},
		{url.Values{"to": {"2026-01-01"}}, nil},
	} {
		page := b.post("/verifications", test.fields)
		var got []string
		for _, m := range regexp.MustCompile(`<code>(request-[0-9])</code>`).FindAllStringSubmatch(page.text, -1) {
			got = append(got, m[1])
		}
		if page.status != 200 || !slices.Equal(got, test.want) {
			t.Errorf("%v: %d %v, want %v", test.fields, page.status, got, test.want)
		}
		if nik := test.fields.Get("nik"); nik != "" && strings.Contains(page.text, strings.TrimSpace(nik)) {
			t.Errorf("the page has the NIK %s", nik)
		}
	}
	for _, fields := range []url.Values{{"nik": {"12"}}, {"from": {"yesterday"}}, {"before": {"-1"}}, {"flag": {"ANY"}}} {
		if page := b.post("/verifications", fields); page.status != 400 {
			t.Errorf("%v: %d", fields, page.status)
		}
	}
	events, err := w.trail.Events(t.Context(), audit.Filter{Reason: "audit.search"})
	if err != nil || len(events) < 8 || events[0].Actor != "operator:support" {
		t.Errorf("%d searches are recorded: %v", len(events), err)
	}
}

// TestClients: an admin disables and enables a client and gives it new credentials, which
// are right and shown once. Each is an event of the operator's.
func TestClients(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	if page := b.get("/clients/cli_bank"); !strings.Contains(page.text, ">7<") || !strings.Contains(page.text, ">5000<") {
		t.Errorf("the page has no usage: %s", page.text)
	}
	disabled := func() bool {
		all, err := w.clients.ListClients(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all[slices.IndexFunc(all, func(c access.Client) bool { return c.ID == "cli_bank" })].Disabled
	}
	if b.post("/clients/cli_bank/disable", nil); !disabled() {
		t.Error("the client is enabled")
	}
	if b.post("/clients/cli_bank/enable", nil); disabled() {
		t.Error("the client is disabled")
	}
	page := b.post("/clients/cli_bank/rotate", url.Values{"validfor": {"24h"}})
	if !regexp.MustCompile(`usr_[A-Z2-7]{26}.*\s.*pwd_[A-Z2-7]{26}.*\s.*key_[A-Z2-7]{26}`).MatchString(page.text) {
		t.Errorf("no credentials: %s", page.text)
	}
	if page := b.get("/clients/cli_bank"); strings.Contains(page.text, "pwd_") {
		t.Error("credentials are shown again")
	}
	if page := b.post("/clients/cli_bank/rotate", url.Values{"validfor": {"24h"}}); page.status != 409 {
		t.Errorf("a third pair of credentials: %d", page.status)
	}
	if page := b.post("/clients/cli_bank/rotate", url.Values{"validfor": {"0s"}, "endolder": {"1"}}); page.status != 200 {
		t.Errorf("the older credentials are not ended: %d", page.status)
	}
	for path, want := range map[string]int{"/clients/cli_none/disable": 404, "/clients/cli_bank/rotate": 400} {
		if page := b.post(path, url.Values{"validfor": {"long"}}); page.status != want {
			t.Errorf("%s: %d", path, page.status)
		}
	}
}

// TestTrail: verifying says what is found, and is an event.
func TestTrail(t *testing.T) {
	w := open(t)
	w.whole.checkpoint = audit.Checkpoint{Head: audit.Head{Seq: 17}, Time: time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)}
	b := w.signIn(t, "auditor")
	page := b.get("/audit")
	for _, text := range []string{"Event 17, signed 2026-12-01 09:00:00 WIB", "operator.signin", "operator:auditor", "operator.add"} {
		if !strings.Contains(page.text, text) {
			t.Errorf("no %q in %s", text, page.text)
		}
	}
	if page := b.post("/audit/verify", nil); !strings.Contains(page.text, "42 events, and all people and clients, are as they were recorded") ||
		!strings.Contains(page.text, "audit.verify") {
		t.Errorf("a whole trail: %s", page.text)
	}
	w.whole.why = "event 3 is missing"
	if page := b.post("/audit/verify", nil); !strings.Contains(page.text, `role="alert">Not as it was recorded: event 3 is missing`) {
		t.Errorf("a broken trail: %s", page.text)
	}
}

// TestMessages: both languages have each text that is used, and none that is not.
func TestMessages(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"*.go", "templates/*.html", "templates/parts/*.html"} {
		files, err := filesOf(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasPrefix(f, "messages") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(b)
		}
	}
	messages := console.Messages()
	for key, m := range messages {
		if m[0] == "" || m[1] == "" {
			t.Errorf("%s has not both languages", key)
		}
		if strings.Count(m[0], "%") != strings.Count(m[1], "%") {
			t.Errorf("%s has other arguments in one language", key)
		}
		family, _, _ := strings.Cut(key, ".")
		if !strings.Contains(sources.String(), `"`+key+`"`) && !strings.Contains(sources.String(), `"`+family+`."`) {
			t.Errorf("%s is used nowhere", key)
		}
	}
	for _, m := range regexp.MustCompile(`(?:\bT |\.text\()"([^"]+)"[^+]`).FindAllStringSubmatch(sources.String(), -1) {
		if _, ok := messages[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
			t.Errorf("there is no text %q", m[1])
		}
	}
}
