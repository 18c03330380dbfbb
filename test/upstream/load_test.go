package upstream_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
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

// faults are 10 % of failures of every kind and 2 % that stall for longer than
// anybody waits.
const faults = `{refuse: 0.02, http_500: 0.02, cut: 0.02, garbage: 0.01, empty: 0.01, reset: 0.02, stall: 0.02}`

// asked is one request, and what came of it.
type asked struct {
	id         string
	nik        string
	start, end time.Time
	status     int // 0: no answer
	body       []byte
}

// TestMixedLoad: against a sandbox that fails 10 % and stalls 2 %, with two kill
// -9 of Sesuai in the middle, no verdict is another than what the sandbox
// answered; the account is the sandbox's count of calls, but for those that were
// begun when Sesuai was killed, which are told apart; and for every person who
// was verified there is exactly one return. UPSTREAM_MINUTES is how long: it is
// short unless that is set (make upstream: 20).
func TestMixedLoad(t *testing.T) {
	minutes, _ := strconv.ParseFloat(os.Getenv("UPSTREAM_MINUTES"), 64)
	lasts := time.Duration(minutes * float64(time.Minute))
	whole := lasts > 0
	if !whole {
		lasts = 20 * time.Second
	}
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
			chance := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // a test's
			own := all[n*each : (n+1)*each]
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				a := w.askSomething(address, fmt.Sprintf("load-%d-%d", n, i), own[i%each], all, chance)
				requests[n] = append(requests[n], a)
				pause := between
				if a.status != http.StatusOK {
					pause *= 5 // it may be being started
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
		w.waitForReturns(t)
	}
	p.Stop(t)

	entries := w.entries(t)
	calls := w.match(t, requests, entries)
	w.compareVerdicts(t, requests, calls)
	w.compareAccount(t, requests, calls, kills)
	w.compareReturns(t, entries, whole)
	for _, l := range logs {
		assertSilent(t, l.String(), all)
	}
}

// askSomething asks about a person: mostly what is true, or with one thing that
// is not.
func (w *world) askSomething(address, id string, p person, all []person, chance *rand.Rand) asked {
	switch chance.IntN(10) {
	case 0:
		p.name = "BUKAN SIAPA SIAPA"
	case 1:
		p.date = "09-09-1999"
	case 2: // another face
		p.selfie = all[(index(p)+1)%len(all)].selfie
	case 3: // somebody who is not on record, and nobody else asks about
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

// match finds the calls that each request led to. About one NIK there is one
// request at a time: what came between it and the next is its own.
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
			t.Fatalf("the sandbox was called about somebody whom nobody asked about: %s %s", e.Service, e.Class)
		}
		calls[found.id] = append(calls[found.id], e)
	}
	return calls
}

// answered is whether the answer went out as it is on record, whole.
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

// compareVerdicts holds every answer to the sandbox's last word to that request.
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
	if counts[200] < n/2 || verified == 0 {
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

// disagrees says in what the verdict is not what the sandbox answered.
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
		return "nobody answered about the person"
	case data.Class == "not_found":
		if v.Status || !is(v.Result.NIK, false) || v.Result.Name != nil || v.Result.DateOfBirth != nil || v.Result.Percentage == nil || *v.Result.Percentage != 0 {
			return "not found"
		}
		return ""
	case face == nil:
		return "nobody compared the face"
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

// nameScore is the number in "Sesuai (100)".
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

// compareAccount holds the account to the sandbox's count, request by request
// and service by service.
//
// Of unknown ending are those alone that were under way when Sesuai was killed,
// or had ended just before: an ending is written a moment after it.
func (w *world) compareAccount(t *testing.T, requests [][]asked, calls map[string][]entry, kills []time.Time) {
	t.Helper()
	killed := func(a asked) bool {
		return slices.ContainsFunc(kills, func(k time.Time) bool {
			return !a.start.After(k) && k.Before(a.end.Add(5*time.Second))
		})
	}
	type of struct{ request, service string }
	// lost are those that ended without an answer here: whether they are billed
	// there nobody can know here.
	type counts struct{ ended, unknown, billed, lost int }
	account := make(map[of]counts)
	w.query(t, `SELECT request_id, service, class, billable FROM upstream_calls`, func(scan func(...any) error) error {
		var o of
		var class sql.NullString
		var billable int
		if err := scan(&o.request, &o.service, &class, &billable); err != nil {
			return err
		}
		c := account[o]
		switch class.String {
		case "":
			c.unknown++
		case "refused": // never got there
		case "timeout", "broken", "left":
			c.ended++
			c.lost++
		default:
			c.ended++
		}
		c.billed += billable
		account[o] = c
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
				c := account[of{a.id, service}]
				delete(account, of{a.id, service})
				rows, unknown, received = rows+c.ended, unknown+c.unknown, received+got
				billed, cost = billed+c.billed, cost+bill
				if got < c.ended || got > c.ended+c.unknown || c.unknown > 0 && !killed(a) {
					t.Errorf("%s: the sandbox counts %d calls of %s, the account %d and %d of unknown ending (status %d)",
						a.id, got, service, c.ended, c.unknown, a.status)
				}
				if bill < c.billed || bill > c.billed+c.lost+c.unknown {
					t.Errorf("%s: the sandbox bills %d calls of %s, the account %d", a.id, bill, service, c.billed)
				}
				arrived += got - c.ended
			}
		}
	}
	if len(account) > 0 {
		t.Errorf("%d requests are on account that nobody made", len(account))
	}
	t.Logf("the sandbox counts %d calls and bills %d; the account has %d that ended and bills %d, and %d of unknown ending, of which %d got there",
		received, cost, rows, billed, unknown, arrived)
}

// waitForReturns waits until everything is returned: what a killed process had
// taken out to return is tried again when its lease has passed.
func (w *world) waitForReturns(t *testing.T) {
	t.Helper()
	half := fmt.Sprintf("%dH%d", time.Now().Year(), (int(time.Now().Month())+5)/6)
	for end := time.Now().Add(6 * time.Minute); ; time.Sleep(time.Second) {
		var report struct {
			Total struct {
				Owed        int `json:"returns_owed"`
				Outstanding int `json:"returns_outstanding"`
			}
		}
		w.sesuai.Run(t, &report, "dukcapil", "report", "--half-year", half)
		if report.Total.Owed > 0 && report.Total.Outstanding == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("of %d rows %d are still to be returned", report.Total.Owed, report.Total.Outstanding)
			return
		}
	}
}

// compareReturns holds the outbox to the people who were verified, and what the
// sandbox was given to the outbox.
func (w *world) compareReturns(t *testing.T, entries []entry, whole bool) {
	t.Helper()
	verified, owed, delivered := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	w.query(t, `SELECT request_id FROM audit_events WHERE result = 'verified'`, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		verified[id] = true
		return err
	})
	rows := 0
	w.query(t, `SELECT customer, delivered_at IS NOT NULL FROM returns`, func(scan func(...any) error) error {
		var id string
		var is bool
		err := scan(&id, &is)
		rows++
		owed[id] = true
		if is {
			delivered[id] = true
		}
		return err
	})
	given := make(map[string]int)
	for _, e := range entries {
		for _, r := range e.Returned {
			given[r.CustomerID]++
		}
	}
	t.Logf("%d verified, %d rows to return, %d delivered; the sandbox was given %d", len(verified), rows, len(delivered), len(given))
	if rows != len(verified) || len(owed) != rows {
		t.Errorf("%d verified, %d rows of %d requests", len(verified), rows, len(owed))
	}
	for id := range verified {
		if !owed[id] {
			t.Errorf("%s is verified and owed nothing for", id)
		}
	}
	for id := range delivered {
		if given[id] != 1 {
			t.Errorf("%s is delivered, and was given %d times", id, given[id])
		}
	}
	for id := range given {
		if !owed[id] {
			t.Errorf("%s was given and not owed", id)
		}
	}
	if len(delivered) == 0 || whole && (len(delivered) != rows || len(given) != rows) {
		t.Errorf("%d of %d are delivered", len(delivered), rows)
	}
}

// assertSilent fails if a log says anything about anybody, or a credential.
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
		t.Error("there is no log to look at")
	}
}
