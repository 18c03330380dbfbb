package console_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/operator"
)

// bank returns the client of the tests.
func (w *world) bank(t *testing.T) access.Client {
	t.Helper()
	all, err := w.clients.ListClients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.ID == "cli_bank" {
			return one
		}
	}
	t.Fatal("there is no such client")
	return access.Client{}
}

// settings are the fields of the form as the page has them, with some of them changed.
func (b *browser) settings(t *testing.T, changed url.Values) url.Values {
	t.Helper()
	page := b.get("/clients/cli_bank")
	fields := make(url.Values)
	for _, m := range regexp.MustCompile(`name="([a-z_]+)"[^>]* value="([^"]*)"( checked)?`).FindAllStringSubmatch(page.text, -1) {
		if m[1] != "scope" || m[3] != "" {
			fields.Add(m[1], m[2])
		}
	}
	fields.Del("token")
	maps.Copy(fields, changed)
	return fields
}

// proposal returns the id of the newest proposal on the page of approvals.
func (b *browser) proposal(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`action="/approvals/(apr_[A-Z2-7]+)/`).FindStringSubmatch(b.get("/approvals").text)
	if m == nil {
		t.Fatal("there is no proposal")
	}
	return m[1]
}

// TestSettings: what strengthens a client holds at once, and what weakens it once another
// admin has approved it.
func TestSettings(t *testing.T) {
	w := open(t)
	w.enrol(t, "second", operator.Admin)
	b := w.signIn(t, "admin")
	set := func(changed url.Values) int {
		return b.post("/clients/cli_bank/settings", b.settings(t, changed)).status
	}
	if status := set(nil); status != 200 {
		t.Fatalf("nothing changed: %d", status)
	}
	strong := url.Values{
		"threshold": {"90"}, "name_threshold": {"95"}, "rate": {"5"}, "burst": {"7"}, "requests_day": {"off"}, "niks_day": {"off"},
		"expires": {"2027-01-31"}, "scope": {"face.match", "identity.verification"},
	}
	if status := set(url.Values{"threshold": {"90"}, "name_threshold": {"95"}, "expires": {"2027-01-31"}, "scope": strong["scope"]}); status != 200 {
		t.Errorf("a stronger client: %d", status)
	}
	got := w.bank(t)
	if got.Threshold.Value() != 90 || got.NameThreshold != 95 || !got.Allows("face.match") ||
		!got.ExpiresAt.Equal(time.Date(2027, 1, 31, 17, 0, 0, 0, time.UTC)) {
		t.Errorf("the client has %+v", got)
	}
	for what, change := range map[string]url.Values{
		"a threshold": {"threshold": {"89.99"}}, "one of the name": {"name_threshold": {"94"}}, "a limit off": {"requests_day": {"off"}},
		"a limit that is configured": {"in_flight": {"5"}},
	} {
		before := w.bank(t)
		if status := set(change); status != http.StatusAccepted {
			t.Errorf("%s: %d", what, status)
		}
		if now := w.bank(t); !now.Threshold.AtLeast(before.Threshold) || now.Limits != before.Limits || now.NameThreshold != before.NameThreshold {
			t.Errorf("%s holds without approval", what)
		}
	}
	for field, value := range map[string]string{
		"threshold": "74", "name_threshold": "x", "rate": "-1", "burst": "", "requests_day": "0", "expires": "tomorrow", "scope": "all",
	} {
		if status := set(url.Values{field: {value}}); status != 400 {
			t.Errorf("%s %q: %d", field, value, status)
		}
	}
}

// TestApproval: another admin approves a lower threshold, once; neither who proposed it
// nor a forged form does, and not when the client has changed meanwhile.
func TestApproval(t *testing.T) {
	w := open(t)
	w.enrol(t, "second", operator.Admin)
	first, second, auditor := w.signIn(t, "admin"), w.signIn(t, "second"), w.signIn(t, "auditor")
	if page := first.post("/clients/cli_bank/settings", first.settings(t, url.Values{"threshold": {"90"}, "expires": {"2027-01-31"}})); page.status != 200 {
		t.Fatal(page.status)
	}
	propose := func(to string) string {
		t.Helper()
		if page := first.post("/clients/cli_bank/settings", first.settings(t, url.Values{"threshold": {to}})); page.status != http.StatusAccepted {
			t.Fatalf("%d %s", page.status, page.text)
		}
		return first.proposal(t)
	}
	id := propose("80")
	if page := first.get("/approvals"); strings.Contains(page.text, "/approve") || !strings.Contains(page.text, "Cancel") {
		t.Error("the proposer has a form to approve")
	}
	if page := auditor.get("/approvals"); strings.Contains(page.text, id) || !strings.Contains(page.text, "threshold 90 → 80") {
		t.Errorf("the auditor sees %s", page.text)
	}
	second.header = http.Header{"Accept-Language": {"id"}}
	if page := second.get("/approvals"); !strings.Contains(page.text, "Klien bank: ambang 90 → 80") {
		t.Errorf("in Indonesian: %s", page.text)
	}
	second.header = nil
	approve := "/approvals/" + id + "/approve"
	if page := first.post(approve, nil); page.status != 409 || !strings.Contains(page.text, "another admin has to approve it") {
		t.Errorf("one's own proposal: %d", page.status)
	}
	second.header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://attacker.example"}}
	if page := second.post(approve, nil); page.status != 403 {
		t.Errorf("from another origin: %d", page.status)
	}
	second.header = nil
	if page := second.send("POST", approve, url.Values{"token": {first.token}}); page.status != 403 {
		t.Errorf("with the token of another session: %d", page.status)
	}
	if w.bank(t).Threshold.Value() != 90 {
		t.Fatal("the threshold is lower")
	}
	var wg sync.WaitGroup
	statuses := make([]int, 4)
	for i := range statuses {
		copied := *second
		wg.Go(func() { statuses[i] = copied.post(approve, nil).status })
	}
	wg.Wait()
	count := make(map[int]int)
	for _, s := range statuses {
		count[s]++
	}
	if count[200] != 1 || count[409] != 3 || w.bank(t).Threshold.Value() != 80 {
		t.Errorf("approved four times at once: %v", count)
	}

	id = propose("78")
	if page := second.post("/clients/cli_bank/settings", second.settings(t, url.Values{"threshold": {"85"}})); page.status != 200 {
		t.Fatal(page.status)
	}
	if page := second.post("/approvals/"+id+"/approve", nil); page.status != 409 || !strings.Contains(page.text, "has changed meanwhile") {
		t.Errorf("a client that has changed meanwhile: %d", page.status)
	}
	id = propose("79")
	if page := second.post("/approvals/"+id+"/refuse", nil); page.status != 200 || w.bank(t).Threshold.Value() != 85 {
		t.Errorf("refusing: %d", page.status)
	}
	events, err := w.trail.Events(t.Context(), audit.Filter{Reason: "approval.done", Limit: 10})
	if err != nil || len(events) != 1 || events[0].Actor != "operator:second" {
		t.Errorf("events %v: %v", events, err)
	}
}

// TestNewClient: an admin makes a client, and its credentials are shown once.
func TestNewClient(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	fields := url.Values{"name": {"new shop"}, "scope": {"face.match"}, "expires": {"2027-01-31"}}
	page := b.post("/clients", fields)
	if page.status != 200 || !strings.Contains(page.text, "pwd_") {
		t.Errorf("a new client: %d %s", page.status, page.text)
	}
	if page := b.get("/clients"); !strings.Contains(page.text, "new shop") || strings.Contains(page.text, "pwd_") {
		t.Error("the list does not have the client, or has credentials")
	}
	if page := b.post("/clients", fields); page.status != 409 {
		t.Errorf("a name that is taken: %d", page.status)
	}
	for field, value := range map[string]string{"name": "", "scope": "all", "expires": "x"} {
		wrong := maps.Clone(fields)
		wrong.Set("name", "other")
		wrong.Set(field, value)
		if page := b.post("/clients", wrong); page.status != 400 {
			t.Errorf("%s %q: %d", field, value, page.status)
		}
	}
}

// TestErasure: a person is erased once another admin has approved it. No page has the NIK.
func TestErasure(t *testing.T) {
	const nik = "9999000000000001"
	w := open(t)
	w.enrol(t, "second", operator.Admin)
	first, second := w.signIn(t, "admin"), w.signIn(t, "second")
	propose := func(nik, name string) answer {
		return first.post("/approvals/erasure", url.Values{"nik": {nik}, "case": {name}})
	}
	for _, wrong := range [][2]string{{"12", "T-1"}, {nik, ""}, {nik, strings.Repeat("x", 65)}, {nik, "T-" + nik}} {
		if page := propose(wrong[0], wrong[1]); page.status != 400 || strings.Contains(page.text, nik) {
			t.Errorf("%q: %d", wrong, page.status)
		}
	}
	page := propose(nik, "T-1 "+hostile[:20])
	assertHeaders(t, "a case", page)
	if page.status != http.StatusAccepted || strings.Contains(page.text, nik) || !strings.Contains(page.text, "case T-1 &lt;script") {
		t.Errorf("an erasure is proposed: %d %s", page.status, page.text)
	}
	approve := "/approvals/" + first.proposal(t) + "/approve"
	if page := first.post(approve, nil); page.status != 409 || len(w.erased) > 0 {
		t.Errorf("one's own: %d", page.status)
	}
	if page := second.post(approve, nil); page.status != 200 || strings.Contains(page.text, nik) || len(w.erased) != 1 || w.erased[0] != nik {
		t.Errorf("approved: %d, erased %v", page.status, w.erased)
	}
}
