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
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
)

func nik(t testing.TB, n int) sesuai.NIK {
	t.Helper()
	nik, err := sesuai.ParseNIK(fmt.Sprintf("9999%012d", n))
	if err != nil {
		t.Fatal(err)
	}
	return nik
}

// outbox is an Outbox in memory, strict about claims.
type outbox struct {
	t     testing.TB
	mu    sync.Mutex
	rows  []*row
	token byte
	fail  error // of every call, if not nil
}

type row struct {
	owed      balikan.Owed
	due       time.Time
	token     [16]byte
	delivered bool
	damaged   bool
}

func newOutbox(t testing.TB, n int) *outbox {
	o := &outbox{t: t}
	for i := range n {
		o.rows = append(o.rows, &row{owed: balikan.Owed{ID: int64(i + 1), NIK: nik(t, i+1), Customer: fmt.Sprintf("request-%d", i+1)}})
	}
	return o
}

func (o *outbox) Claim(ctx context.Context, n int, lease time.Duration) (balikan.Claim, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(o.fail, ctx.Err()); err != nil {
		return balikan.Claim{}, err
	}
	o.token++
	c := balikan.Claim{Token: [16]byte{o.token}}
	due := slices.Clone(o.rows)
	slices.SortStableFunc(due, func(a, b *row) int { return a.due.Compare(b.due) })
	for _, r := range due {
		if n == 0 || r.delivered || r.due.After(time.Now()) {
			continue
		}
		n--
		r.token, r.due = c.Token, time.Now().Add(lease)
		r.owed.Tries++
		if r.damaged {
			c.Damaged++
			continue
		}
		c.Owed = append(c.Owed, r.owed)
	}
	return c, nil
}

func (o *outbox) Delivered(ctx context.Context, ids []int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(o.fail, ctx.Err()); err != nil {
		return err
	}
	for _, id := range ids {
		o.rows[id-1].delivered = true
	}
	return nil
}

func (o *outbox) Postpone(ctx context.Context, token [16]byte, ids []int64, until time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(o.fail, ctx.Err()); err != nil {
		return err
	}
	for _, id := range ids {
		if r := o.rows[id-1]; r.token == token && !r.delivered {
			r.due, r.token = until, [16]byte{}
		}
	}
	return nil
}

func (o *outbox) left() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.rows {
		if !r.delivered {
			n++
		}
	}
	return n
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
