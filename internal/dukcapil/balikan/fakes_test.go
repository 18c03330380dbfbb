package balikan_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan/outboxtest"
)

func nik(t testing.TB, n int) sesuai.NIK { return outboxtest.NIK(t, n) }

// newOutbox is an outbox with n rows, which fails as it is told to.
func newOutbox(t testing.TB, n int) *outboxtest.Memory {
	t.Helper()
	o := &outboxtest.Memory{Now: time.Now}
	outboxtest.Add(t, o, 1, n)
	return o
}

// pending is the number of rows that are not delivered.
func pending(t testing.TB, o *outboxtest.Memory) int {
	t.Helper()
	n, _, err := o.Pending(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// post is one that was received.
type post struct {
	at        time.Time
	token     string
	customers []string
}

// receiver is the other side: it knows what it was sent before, and answers
// otherwise if it is told to. It is a transport, so that time can be a test's.
type receiver struct {
	t       testing.TB
	mu      sync.Mutex
	posts   []post
	had     map[string]int
	already bool // answers so to what it had
	answer  func(customers []string) (status int, body string, ok bool)
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	var body []struct {
		ID   string `json:"id_lembaga"`
		Name string `json:"nama_lembaga"`
		Data []struct {
			NIK   string `json:"NIK"`
			Param []struct {
				Customer string `json:"CUSTOMER_ID"`
			} `json:"param"`
		} `json:"data"`
	}
	d := json.NewDecoder(req.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || len(body) != 1 || body[0].ID != "L-1" || body[0].Name != `Bank "Contoh"` {
		r.t.Errorf("a body of another form: %v", err)
		return nil, errors.New("a body of another form")
	}
	p := post{at: time.Now(), token: req.Header.Get("Authorization")}
	for _, person := range body[0].Data {
		p.customers = append(p.customers, person.Param[0].Customer)
		var n int
		if _, err := fmt.Sscanf(person.Param[0].Customer, "request-%d", &n); err != nil || nik(r.t, n).Reveal() != person.NIK {
			r.t.Errorf("%s has the NIK of another", person.Param[0].Customer)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts = append(r.posts, p)
	status, text := 200, `{"message":"Success"}`
	if r.answer != nil {
		if s, b, ok := r.answer(p.customers); ok {
			if s == 0 {
				return nil, errors.New("dial tcp 10.0.0.1: refused")
			}
			status, text = s, b
		}
	}
	if status == 200 && r.already && slices.ContainsFunc(p.customers, func(c string) bool { return r.had[c] > 0 }) {
		status, text = 400, `{"message":"Data sudah pernah dikirim"}`
	}
	if status == 200 && strings.Contains(text, "uccess") {
		for _, c := range p.customers {
			if r.had == nil {
				r.had = make(map[string]int)
			}
			r.had[c]++
		}
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: req,
	}, nil
}
