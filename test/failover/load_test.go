package failover_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// The load: verifications through HAProxy, and enrolments on all nodes. On a slow
// machine there are fewer a second, since only so many are in flight: so many
// verifications one node does not refuse, and so many enrolments do not wait for
// each other until they time out.
const (
	verificationsPerSecond = 50
	enrolmentsPerSecond    = 20
	maxVerifications       = 40
	maxEnrolments          = 16
)

// r8 is the body of a response without an answer.
const r8 = `{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`

// question is a claim and the only correct response.
type question struct {
	claim claim
	want  []byte
}

// answer is the result of a verification.
type answer struct {
	id         string
	node       *node // nil if HAProxy has answered itself
	sent, done time.Time
	how        outcome
}

type outcome int

const (
	verdict  outcome = iota
	noAnswer         // R8
	cutOff           // by the end of its node
	wrong
)

// enrolment is the result of an enrolment.
type enrolment struct {
	person     int
	node       *node
	sent, done time.Time
	ok         bool
}

// load verifies and enrols people until it is stopped, and records the results.
type load struct {
	t     *testing.T
	proxy *endpoint
	nodes []*node
	// demo are questions about the demo people. Question i, for each of
	// portraits, is about the person on portrait i.
	demo []question

	stop  chan struct{}
	group sync.WaitGroup

	mu         sync.Mutex
	changed    chan struct{} // closed when a result is added
	answers    []answer
	enrolments []enrolment
	asked      int
	turn       int
	enrolled   []int // acknowledged, in that order
	again      []int // refused, to be tried again
	next       int   // the next new person
	rows       []result
	// reported is how many answers and enrolments have been reported, and
	// when.
	reported struct {
		answers, enrolments int
		at                  time.Time
	}
}

// startLoad starts a load.
func startLoad(t *testing.T, proxy *endpoint, nodes ...*node) *load {
	t.Helper()
	l := &load{t: t, proxy: proxy, nodes: nodes, stop: make(chan struct{}), changed: make(chan struct{})}
	l.demo = ask(t, nodes[0])
	l.group.Go(l.run)
	t.Cleanup(l.end)
	return l
}

// demoClaims are the claims about the demo people. Those about portraits come
// first.
var demoClaims = []claim{
	{"9901015203900001", "AYU KENCANA PRATIWI", "12-03-1990", portraits[0].probe},
	{"9901014507920002", "RANI PUTRI MAHARANI", "05-07-1992", portraits[1].probe},
	{"9901015203900001", "AYU KENCANA PRATIWI", "12-03-1990", portraits[1].probe},
	{"9901015203900001", "WULAN CAHYANI", "12-03-1990", portraits[0].probe},
	{"9901015203900001", "AYU KENCANA PRATIWI", "13-03-1990", portraits[0].probe},
	{"9901014110980011", "SAFITRI HANDAYANI", "01-10-1998", portraits[0].probe}, // deceased
	{"9999900000000000", "AYU KENCANA PRATIWI", "12-03-1990", portraits[0].probe},
}

// ask verifies each of demoClaims once, before any fault, to get the correct
// responses.
func ask(t *testing.T, n *node) (questions []question) {
	t.Helper()
	for i, c := range demoClaims {
		got, err := n.ask(fmt.Sprintf("first.%d", i), c)
		if err != nil || got.status != http.StatusOK {
			t.Fatalf("question %d: %d %s, %v", i, got.status, got.body, err)
		}
		verified := bytes.HasPrefix(got.body, []byte(`{"verification_status":true,`))
		if verified != (i == 0) { // Rani's selfie is below the threshold
			t.Fatalf("question %d: %s", i, got.body)
		}
		questions = append(questions, question{c, got.body})
	}
	return questions
}

func (l *load) run() {
	verify, enrol := time.NewTicker(time.Second/verificationsPerSecond), time.NewTicker(time.Second/enrolmentsPerSecond)
	defer verify.Stop()
	defer enrol.Stop()
	verifying, enrolling := make(chan struct{}, maxVerifications), make(chan struct{}, maxEnrolments)
	for {
		select {
		case <-l.stop:
			return
		case <-verify.C:
			l.goIfFree(verifying, func() {
				id, q := l.nextQuestion()
				l.verify(l.proxy, id, q)
			})
		case <-enrol.C:
			l.goIfFree(enrolling, func() { l.enrol(l.nextPerson()) })
		}
	}
}

// goIfFree calls f in a goroutine, unless all slots are taken: then the machine is
// too slow for the rate.
func (l *load) goIfFree(slots chan struct{}, f func()) {
	select {
	case slots <- struct{}{}:
		l.group.Go(func() {
			f()
			<-slots
		})
	default:
	}
}

// end ends the load and waits for the requests in flight.
func (l *load) end() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	l.group.Wait()
}

// add adds a node to the load.
func (l *load) add(n *node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = append(l.nodes, n)
}

// nextNode returns the next running node. The caller holds l.mu.
func (l *load) nextNode() *node {
	for {
		l.turn++
		if n := l.nodes[l.turn%len(l.nodes)]; !n.down.Load() {
			return n
		}
	}
}

// nextQuestion returns, in turn, a question about the demo people, about the person
// enrolled last, and about any enrolled person.
func (l *load) nextQuestion() (string, question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	id := fmt.Sprintf("load.%d", l.asked)
	switch {
	case l.asked%4 == 1 && len(l.enrolled) > 0:
		return id, l.about(l.enrolled[len(l.enrolled)-1])
	case l.asked%4 == 3 && len(l.enrolled) > 0:
		return id, l.about(l.enrolled[rand.IntN(len(l.enrolled))])
	default:
		return id, l.demo[l.asked/2%len(l.demo)]
	}
}

// about returns a question about a person that the load has enrolled.
func (l *load) about(person int) question {
	c := registrytest.Claim(registrytest.Person(l.t, person))
	i := person % len(portraits)
	return question{
		claim{c.NIK.Reveal(), c.Name.Reveal(), c.DateOfBirth.Reveal(), portraits[i].probe},
		l.demo[i].want,
	}
}

func (l *load) verify(at *endpoint, id string, q question) {
	a := answer{id: id, sent: time.Now()}
	got, err := at.ask(id, q.claim)
	a.done = time.Now()
	switch {
	case err == nil && got.status == http.StatusOK && bytes.Equal(got.body, q.want):
		a.how = verdict
	case err == nil && got.status == http.StatusServiceUnavailable && string(got.body) == r8:
		a.how = noAnswer
	case err != nil && l.oneIsDown():
		a.how = cutOff
	default:
		l.t.Errorf("%s: %s answers %d %s, %v; the correct answer is %s", id, at.address, got.status, got.body, err, q.want)
		a.how = wrong
	}
	l.note(func() {
		for _, n := range l.nodes {
			if n.endpoint == at || n.name == got.server && !n.down.Load() {
				a.node = n
			}
		}
		l.answers = append(l.answers, a)
	})
}

// oneIsDown reports whether a node has been killed. HAProxy closes the connections of
// requests that it was processing.
func (l *load) oneIsDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.nodes, func(n *node) bool { return n.down.Load() })
}

// nextPerson returns a person whose enrolment has failed, or a new one.
func (l *load) nextPerson() (n *node, person int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.again) > 0 {
		person, l.again = l.again[0], l.again[1:]
		return l.nextNode(), person
	}
	l.next++
	return l.nextNode(), l.next - 1
}

func (l *load) enrol(n *node, person int) {
	e := enrolment{person: person, node: n, sent: time.Now()}
	got := n.enroller.enrol(person)
	e.done, e.ok = time.Now(), got == acknowledged
	if !e.ok && !strings.EqualFold(got, unavailable) && (got != "" || !n.down.Load()) {
		l.t.Errorf("person %d: node %s says %q", person, n.name, got)
	}
	l.note(func() {
		l.enrolments = append(l.enrolments, e)
		if e.ok {
			l.enrolled = append(l.enrolled, person)
		} else {
			l.again = append(l.again, person)
		}
	})
}

// note adds a result.
func (l *load) note(add func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add()
	close(l.changed)
	l.changed = make(chan struct{})
}

// await waits until the condition holds for the results.
func (l *load) await(what string, condition func() bool) {
	l.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		l.mu.Lock()
		ok, changed := condition(), l.changed
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			l.t.Fatalf("timed out waiting until %s: %s", what, l.summary())
		}
	}
}

// awaitWork waits until the latest results of every running node, of requests sent
// after since, are a number of verdicts and of acknowledged enrolments without a
// failure between them.
func (l *load) awaitWork(since time.Time, what string) time.Time {
	l.t.Helper()
	const verdicts, enrolments = 75, 30 // about three seconds of each node's load
	l.await(what, func() bool {
		for _, n := range l.nodes {
			if n.down.Load() {
				continue
			}
			var verdictsInARow, enrolmentsInARow int
			for _, a := range l.answers {
				if a.node != n && a.node != nil || a.sent.Before(since) {
					continue
				}
				if verdictsInARow++; a.how != verdict {
					verdictsInARow = 0
				}
			}
			for _, e := range l.enrolments {
				if e.node != n || e.sent.Before(since) {
					continue
				}
				if enrolmentsInARow++; !e.ok {
					enrolmentsInARow = 0
				}
			}
			if verdictsInARow < verdicts || enrolmentsInARow < enrolments {
				return false
			}
		}
		return true
	})
	return time.Now()
}

// awaitRefusals waits until verifications that were sent after since have been
// refused, and enrolments on every running node.
func (l *load) awaitRefusals(since time.Time) {
	l.t.Helper()
	const enough = 5 // of each
	l.await("requests are refused", func() bool {
		for _, n := range l.nodes {
			if n.down.Load() {
				continue
			}
			if l.refusedEnrolments(n, since) < enough {
				return false
			}
		}
		return l.refusals(since) >= enough
	})
}

// refusals counts the R8 for verifications sent after since. The caller holds l.mu.
func (l *load) refusals(since time.Time) (count int) {
	for _, a := range l.answers {
		if a.how == noAnswer && a.sent.After(since) {
			count++
		}
	}
	return count
}

// refusedEnrolments counts a node's refusals of enrolments sent after since. The
// caller holds l.mu.
func (l *load) refusedEnrolments(n *node, since time.Time) (count int) {
	for _, e := range l.enrolments {
		if e.node == n && !e.ok && e.sent.After(since) {
			count++
		}
	}
	return count
}

// first returns how long after since the first verdict came, and the first
// acknowledged enrolment, of those requested after since.
func (l *load) first(since time.Time) (verdicts, enrolments time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		if a.how == verdict && a.sent.After(since) {
			verdicts = a.done.Sub(since)
			break
		}
	}
	for _, e := range l.enrolments {
		if e.ok && e.sent.After(since) {
			enrolments = e.done.Sub(since)
			break
		}
	}
	return verdicts, enrolments
}

// report adds the results since the last report to the table, which finish
// completes.
func (l *load) report(what, note string) {
	r := l.result(what, note)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported.answers, l.reported.enrolments, l.reported.at = len(l.answers), len(l.enrolments), time.Now()
	l.rows = append(l.rows, r)
}

// result returns a row of the table for the results since the last report.
func (l *load) result(what, note string) result {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := result{what: what, note: note}
	var verdicts, enrolments []time.Time
	if !l.reported.at.IsZero() {
		verdicts, enrolments = append(verdicts, l.reported.at), append(enrolments, l.reported.at)
	}
	for _, a := range l.answers[l.reported.answers:] {
		switch a.how {
		case verdict:
			r.verdicts++
			verdicts = append(verdicts, a.done)
		case noAnswer:
			r.unavailable++
		case cutOff:
			r.cutOff++
		case wrong:
			r.wrong++
		}
	}
	for _, e := range l.enrolments[l.reported.enrolments:] {
		if e.ok {
			r.enrolled = append(r.enrolled, e.person)
			enrolments = append(enrolments, e.done)
		} else {
			r.refused++
		}
	}
	r.pause, r.enrolmentPause = longestPause(verdicts), longestPause(enrolments)
	return r
}

func longestPause(times []time.Time) (longest time.Duration) {
	slices.SortFunc(times, time.Time.Compare)
	for i := range len(times) - 1 {
		longest = max(longest, times[i+1].Sub(times[i]))
	}
	return longest
}

func (l *load) summary() string {
	r := l.result("", "")
	return fmt.Sprintf("%d verdicts, %d R8, %d cut off, %d wrong; %d enrolled, %d refused", r.verdicts, r.unavailable, r.cutOff, r.wrong, len(r.enrolled), r.refused)
}
