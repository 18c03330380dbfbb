package upstream_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sesuai/sesuai/test/process"
)

// faults are 10 % failures of every kind, and 2 % answers that stall for longer
// than any time limit.
const faults = `{refuse: 0.02, http_500: 0.02, cut: 0.02, garbage: 0.01, empty: 0.01, reset: 0.02, stall: 0.02}`

// asked is one request and its response.
type asked struct {
	id         string
	nik        string
	start, end time.Time
	status     int // 0: no answer
	body       []byte
}

// TestMixedLoad runs a load with a sandbox in which 10 % of calls fail and 2 %
// stall, and kills Sesuai twice. Every verdict agrees with the sandbox's answers.
// The call log agrees with the sandbox's record, apart from calls that were in
// progress when Sesuai was killed, which have no completion. The outbox has
// exactly one row for every verified person. The load takes UPSTREAM_MINUTES (make
// upstream: 20), or some seconds if that is not set.
func TestMixedLoad(t *testing.T) {
	lasts, whole := process.Minutes(t, "UPSTREAM_MINUTES", 20*time.Second)
	const workers, each, between = 4, 25, 80 * time.Millisecond
	all := people(workers * each)
	quirks := "quirks: {shape: mixed, unsent: mixed, scalars: mixed, texts: mixed}\nstall: 8s\n"
	for _, service := range []string{"data", "face"} {
		quirks += service + ": {quota: 10000000, latency: {median: 15ms, p99: 120ms}, faults: " + faults + "}\n"
	}
	quirks += "balikan: {faults: {http_500: 0.05, reset: 0.05}}\n"
	w := newWorld(t, all, quirks, "")

	p, address := w.serve(t, "127.0.0.1:0")
	logs := []*process.Log{p.Log}
	done := make(chan struct{})
	var group sync.WaitGroup
	requests := make([][]asked, workers)
	for n := range workers {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // for a test
			own := all[n*each : (n+1)*each]
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				a := w.askSomething(address, fmt.Sprintf("load-%d-%d", n, i), own[i%each], all, rng)
				requests[n] = append(requests[n], a)
				pause := between
				if a.status != http.StatusOK {
					pause *= 5 // the program may be starting
				}
				time.Sleep(pause)
			}
		})
	}
	var kills []time.Time
	for range 2 {
		time.Sleep(lasts / 3)
		kills = append(kills, time.Now())
		p.Kill(t)
		p, _ = w.serve(t, strings.TrimPrefix(address, "http://"))
		logs = append(logs, p.Log)
	}
	time.Sleep(lasts / 3)
	close(done)
	group.Wait()
	if whole {
		w.waitForOutbox(t)
	}
	p.Stop(t)

	entries := w.entries(t)
	calls := w.match(t, requests, entries)
	w.compareVerdicts(t, requests, calls)
	w.compareCallLog(t, requests, calls, kills)
	w.compareReturns(t, entries, whole)
	for _, l := range logs {
		assertSilent(t, l.String(), all)
	}
}

// askSomething requests the verification of a person, usually with a true claim,
// sometimes with one that differs.
func (w *world) askSomething(address, id string, p person, all []person, rng *rand.Rand) asked {
	switch rng.IntN(10) {
	case 0:
		p.name = "BUKAN SIAPA SIAPA"
	case 1:
		p.date = "09-09-1999"
	case 2: // another face
		p.selfie = all[(index(p)+1)%len(all)].selfie
	case 3: // a person who is not on record, with a NIK of this person only
		p.nik = "8888" + p.nik[4:]
	}
	a := asked{id: id, nik: p.nik, start: time.Now()}
	var err error
	if a.status, a.body, err = w.ask(address, id, p.nik, p.name, p.date, p.selfie); err != nil {
		a.status = 0
	}
	a.end = time.Now()
	return a
}

func index(p person) int {
	i, _ := strconv.Atoi(p.nik[4:])
	return i
}

// match returns the calls of each request. There is only one request at a time for
// a NIK, so every call belongs to the last request before it.
func (w *world) match(t *testing.T, requests [][]asked, entries []entry) map[string][]entry {
	t.Helper()
	byNIK := make(map[string][]*asked)
	for _, of := range requests {
		for i := range of {
			byNIK[of[i].nik] = append(byNIK[of[i].nik], &of[i])
		}
	}
	calls := make(map[string][]entry)
	for _, e := range entries {
		if e.Service == "balikan" {
			continue
		}
		var found *asked
		for _, a := range byNIK[e.NIK] {
			if !a.start.After(e.At) {
				found = a
			}
		}
		if found == nil {
			t.Fatalf("the sandbox was called about a NIK without a request: %s %s", e.Service, e.Class)
		}
		calls[found.id] = append(calls[found.id], e)
	}
	return calls
}

// answered reports whether the recorded answer was sent completely.
func (e entry) answered() bool {
	return e.Fault == "" || e.Fault == "slow_headers" || e.Fault == "slow_body"
}

type verdict struct {
	Status bool   `json:"verification_status"`
	Reason string `json:"reason"`
	Result struct {
		NIK, Name   *bool
		DateOfBirth *bool    `json:"date_of_birth"`
		Percentage  *float64 `json:"face_image_percentage"`
	} `json:"result"`
}

// compareVerdicts compares every response with the sandbox's last answers for that
// request.
func (w *world) compareVerdicts(t *testing.T, requests [][]asked, calls map[string][]entry) {
	t.Helper()
	counts := make(map[int]int)
	verified, n := 0, 0
	for _, of := range requests {
		for _, a := range of {
			counts[a.status]++
			n++
			switch a.status {
			case 0: // killed
			case 200:
				var v verdict
				if err := json.Unmarshal(a.body, &v); err != nil {
					t.Fatal(err)
				}
				if why := disagrees(v, calls[a.id]); why != "" {
					t.Errorf("%s: %s: %s, after %+v", a.id, why, a.body, withoutNIK(calls[a.id]))
				}
				if v.Status {
					verified++
				}
			case 503:
				if !strings.Contains(string(a.body), `"result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}`) {
					t.Errorf("%s: %s", a.id, a.body)
				}
			default:
				t.Errorf("%s: status %d: %s", a.id, a.status, a.body)
			}
		}
	}
	t.Logf("%d requests: %d verdicts, of which %d verified; %d times 503, %d without an answer", n, counts[200], verified, counts[503], counts[0])
	if counts[200] < n/4 || verified == 0 {
		t.Error("too few verdicts to say anything")
	}
}

func withoutNIK(calls []entry) []entry {
	var out []entry
	for _, e := range calls {
		e.NIK = ""
		out = append(out, e)
	}
	return out
}

// disagrees returns in what the verdict differs from the sandbox's answers, or "".
func disagrees(v verdict, calls []entry) string {
	var data, face *entry
	for i, e := range calls {
		switch {
		case !e.answered():
		case e.Service == "data_check" && (e.Class == "found" || e.Class == "not_found"):
			data = &calls[i]
		case e.Service == "face_check" && e.Class == "compared":
			face = &calls[i]
		}
	}
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	switch {
	case data == nil:
		return "the data check has no answer"
	case data.Class == "not_found":
		if v.Status || !is(v.Result.NIK, false) || v.Result.Name != nil || v.Result.DateOfBirth != nil || v.Result.Percentage == nil || *v.Result.Percentage != 0 {
			return "not found"
		}
		return ""
	case face == nil:
		return "the face check has no answer"
	}
	score, err := strconv.ParseFloat(face.MatchScore, 64)
	if err != nil {
		return "no score"
	}
	percentage := 15 * score // the curve 0:0 5:75 10:100
	if score > 5 {
		percentage = 75 + 5*(score-5)
	}
	percentage = math.Round(percentage*100) / 100
	name, date := nameScore(data.Name) >= 85, strings.EqualFold(strings.Join(strings.Fields(data.DateOfBirth), " "), "sesuai")
	switch {
	case !is(v.Result.NIK, true):
		return "the NIK"
	case !is(v.Result.Name, name):
		return "the name"
	case !is(v.Result.DateOfBirth, date):
		return "the date of birth"
	case v.Result.Percentage == nil || math.Abs(*v.Result.Percentage-percentage) > 0.011:
		return fmt.Sprintf("the percentage, which is %.2f", percentage)
	case v.Status != (name && date && *v.Result.Percentage >= 75):
		return "the status"
	}
	return ""
}

// nameScore returns the number in "Sesuai (100)".
func nameScore(text string) int {
	_, rest, _ := strings.Cut(text, "(")
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), ")")))
	if err != nil {
		return -1
	}
	return n
}

// query reads rows of Sesuai's database.
func (w *world) query(t *testing.T, query string, each func(scan func(...any) error) error) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.data, "sesuai.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// compareCallLog compares the call log with the sandbox's record, by request and
// service.
//
// Only calls that were in progress when Sesuai was killed, or had ended just
// before, may lack a completion, since a completion is written shortly after the
// call.
func (w *world) compareCallLog(t *testing.T, requests [][]asked, calls map[string][]entry, kills []time.Time) {
	t.Helper()
	killed := func(a asked) bool {
		return slices.ContainsFunc(kills, func(k time.Time) bool {
			return !a.start.After(k) && k.Before(a.end.Add(5*time.Second))
		})
	}
	type of struct{ request, service string }
	// unknown are the calls without a completion. lost are the calls that ended
	// without an answer, so that the caller cannot know whether they are billed.
	type counts struct{ ended, unknown, billed, lost int }
	callLog := make(map[of]counts)
	w.query(t, `SELECT request_id, service, class, billable FROM upstream_calls`, func(scan func(...any) error) error {
		var o of
		var class sql.NullString
		var billable int
		if err := scan(&o.request, &o.service, &class, &billable); err != nil {
			return err
		}
		c := callLog[o]
		switch class.String {
		case "":
			c.unknown++
		case "refused": // never reached the sandbox
		case "timeout", "broken", "cancelled":
			c.ended++
			c.lost++
		default:
			c.ended++
		}
		c.billed += billable
		callLog[o] = c
		return nil
	})
	var rows, unknown, arrived, received, billed, cost int
	for _, requestsOf := range requests {
		for _, a := range requestsOf {
			for _, service := range []string{"data_check", "face_check"} {
				got, bill := 0, 0
				for _, e := range calls[a.id] {
					if e.Service == service {
						got++
						if e.Billed && e.answered() {
							bill++
						}
					}
				}
				c := callLog[of{a.id, service}]
				delete(callLog, of{a.id, service})
				rows, unknown, received = rows+c.ended, unknown+c.unknown, received+got
				billed, cost = billed+c.billed, cost+bill
				if got < c.ended || got > c.ended+c.unknown || c.unknown > 0 && !killed(a) {
					t.Errorf("%s: the sandbox counts %d calls of %s, the call log %d and %d without a completion (status %d)",
						a.id, got, service, c.ended, c.unknown, a.status)
				}
				if bill < c.billed || bill > c.billed+c.lost+c.unknown {
					t.Errorf("%s: the sandbox bills %d calls of %s, the call log %d", a.id, bill, service, c.billed)
				}
				arrived += got - c.ended
			}
		}
	}
	if len(callLog) > 0 {
		t.Errorf("the call log has %d requests that were not made", len(callLog))
	}
	t.Logf("the sandbox counts %d calls and bills %d; the call log has %d that completed and bills %d, and %d without a completion, of which %d reached the sandbox",
		received, cost, rows, billed, unknown, arrived)
}

// waitForOutbox waits until the outbox is empty. Rows that a killed process had
// leased are sent again when the lease has expired.
func (w *world) waitForOutbox(t *testing.T) {
	t.Helper()
	half := fmt.Sprintf("%dH%d", time.Now().Year(), (int(time.Now().Month())+5)/6)
	for end := time.Now().Add(6 * time.Minute); ; time.Sleep(time.Second) {
		var report struct {
			Total struct {
				Total   int `json:"balikan_total"`
				Pending int `json:"balikan_pending"`
			}
		}
		w.sesuai.Run(t, &report, "dukcapil", "report", "--half-year", half)
		if report.Total.Total > 0 && report.Total.Pending == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("of %d rows %d are still to be returned", report.Total.Total, report.Total.Pending)
			return
		}
	}
}

// compareReturns compares the outbox with the verified people, and with what the
// sandbox has received.
func (w *world) compareReturns(t *testing.T, entries []entry, whole bool) {
	t.Helper()
	verified, queued, delivered := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	w.query(t, `SELECT request_id FROM audit_events WHERE result = 'verified'`, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		verified[id] = true
		return err
	})
	rows := 0
	w.query(t, `SELECT customer, delivered_at IS NOT NULL FROM outbox`, func(scan func(...any) error) error {
		var id string
		var is bool
		err := scan(&id, &is)
		rows++
		queued[id] = true
		if is {
			delivered[id] = true
		}
		return err
	})
	received := make(map[string]int)
	for _, e := range entries {
		for _, r := range e.Returned {
			received[r.CustomerID]++
		}
	}
	t.Logf("%d verified, %d rows in the outbox, %d delivered; the sandbox has received %d", len(verified), rows, len(delivered), len(received))
	if rows != len(verified) || len(queued) != rows {
		t.Errorf("%d verified, %d rows of %d requests", len(verified), rows, len(queued))
	}
	for id := range verified {
		if !queued[id] {
			t.Errorf("%s is verified and not in the outbox", id)
		}
	}
	for id := range delivered {
		if received[id] != 1 {
			t.Errorf("%s is delivered, and was received %d times", id, received[id])
		}
	}
	for id := range received {
		if !queued[id] {
			t.Errorf("%s was received and is not in the outbox", id)
		}
	}
	if len(delivered) == 0 || whole && (len(delivered) != rows || len(received) != rows) {
		t.Errorf("%d of %d are delivered", len(delivered), rows)
	}
}

// assertSilent fails if a log contains personal data or a credential.
func assertSilent(t *testing.T, log string, all []person) {
	t.Helper()
	words := []string{secret, "9999000000", "8888000000", "panic", "goroutine "}
	for _, p := range all[:8] {
		words = append(words, strings.Fields(p.name)[0], p.date)
	}
	for line := range strings.Lines(log) {
		for _, word := range words {
			if strings.Contains(strings.ToUpper(line), strings.ToUpper(word)) {
				t.Errorf("the log says %s", line)
			}
		}
	}
	if log == "" {
		t.Error("the log is empty")
	}
}
