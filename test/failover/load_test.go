package failover_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// The load, over all nodes. On a slow machine there are fewer verifications a
// second: maxVerifications are in flight at most, which one node does not refuse.
const (
	verificationsPerSecond = 50
	enrolmentsPerSecond    = 20
	maxVerifications       = 40
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
	node       *node
	sent, done time.Time
	how        outcome
}

type outcome int

const (
	verdict  outcome = iota
	noAnswer         // R8
	cutOff           // by the end of its node
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
	// reported is how many answers and enrolments have been reported, and
	// when.
	reported struct {
		answers, enrolments int
		at                  time.Time
	}
}

// startLoad starts a load.
func startLoad(t *testing.T, nodes ...*node) *load {
	t.Helper()
	l := &load{t: t, nodes: nodes, stop: make(chan struct{}), changed: make(chan struct{})}
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
		status, body, err := n.ask(fmt.Sprintf("first.%d", i), c)
		if err != nil || status != 200 {
			t.Fatalf("question %d: %d %s, %v", i, status, body, err)
		}
		verified := bytes.HasPrefix(body, []byte(`{"verification_status":true,`))
		if verified != (i == 0) { // Rani's selfie is below the threshold
			t.Fatalf("question %d: %s", i, body)
		}
		questions = append(questions, question{c, body})
	}
	return questions
}

func (l *load) run() {
	verify, enrol := time.NewTicker(time.Second/verificationsPerSecond), time.NewTicker(time.Second/enrolmentsPerSecond)
	defer verify.Stop()
	defer enrol.Stop()
	slots := make(chan struct{}, maxVerifications)
	for {
		select {
		case <-l.stop:
			return
		case <-verify.C:
			select {
			case slots <- struct{}{}:
				l.group.Go(func() {
					l.verify(l.nextQuestion())
					<-slots
				})
			default: // the machine is too slow for the rate
			}
		case <-enrol.C:
			l.group.Go(func() { l.enrol(l.nextPerson()) })
		}
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
func (l *load) nextQuestion() (*node, string, question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	n, id := l.nextNode(), fmt.Sprintf("load.%d", l.asked)
	switch {
	case l.asked%4 == 1 && len(l.enrolled) > 0:
		return n, id, l.about(l.enrolled[len(l.enrolled)-1])
	case l.asked%4 == 3 && len(l.enrolled) > 0:
		return n, id, l.about(l.enrolled[rand.IntN(len(l.enrolled))])
	default:
		return n, id, l.demo[l.asked/2%len(l.demo)]
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

func (l *load) verify(n *node, id string, q question) {
	a := answer{id: id, node: n, sent: time.Now()}
	status, body, err := n.ask(id, q.claim)
	a.done = time.Now()
	switch {
	case err != nil:
		if !n.down.Load() {
			l.t.Errorf("%s: node %s: %v", id, n.name, err)
		}
		a.how = cutOff
	case status == 200 && bytes.Equal(body, q.want):
		a.how = verdict
	case status == 503 && string(body) == r8:
		a.how = noAnswer
	default:
		l.t.Errorf("%s: node %s answers %d %s; the correct answer is %s", id, n.name, status, body, q.want)
		a.how = noAnswer
	}
	l.note(func() { l.answers = append(l.answers, a) })
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
				if a.node != n || a.sent.Before(since) {
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

// awaitRefusals waits until every running node has refused verifications and
// enrolments that were sent after since.
func (l *load) awaitRefusals(since time.Time) {
	l.t.Helper()
	const enough = 5 // of each
	l.await("all nodes refuse requests", func() bool {
		for _, n := range l.nodes {
			if n.down.Load() {
				continue
			}
			if l.refusals(n, since) < enough || l.refusedEnrolments(n, since) < enough {
				return false
			}
		}
		return true
	})
}

// refusals counts a node's R8 for verifications sent after since. The caller holds
// l.mu.
func (l *load) refusals(n *node, since time.Time) (count int) {
	for _, a := range l.answers {
		if a.node == n && a.how == noAnswer && a.sent.After(since) {
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

// within counts the verdicts and acknowledged enrolments that were requested after
// from and came before to.
func (l *load) within(from, to time.Time) (count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		if a.how == verdict && a.sent.After(from) && a.done.Before(to) {
			count++
		}
	}
	for _, e := range l.enrolments {
		if e.ok && e.sent.After(from) && e.done.Before(to) {
			count++
		}
	}
	return count
}

// report adds the results since the last report to the table.
func (l *load) report(what, note string) {
	r := l.result(what, note)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported.answers, l.reported.enrolments, l.reported.at = len(l.answers), len(l.enrolments), time.Now()
	results.add(r)
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
			r.unanswered++
		}
	}
	for _, e := range l.enrolments[l.reported.enrolments:] {
		if e.ok {
			r.enrolled++
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
	return fmt.Sprintf("%d verdicts, %d R8, %d cut off; %d enrolled, %d refused", r.verdicts, r.unavailable, r.unanswered, r.enrolled, r.refused)
}
