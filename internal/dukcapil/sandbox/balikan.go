package sandbox

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"sync"
)

// returned remembers the data that was returned so far.
type returned struct {
	mu   sync.Mutex
	seen map[Return]bool
}

// accept accepts all of people, or none if one of them was accepted before.
func (t *returned) accept(people []Return) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = make(map[Return]bool)
	}
	for _, p := range people {
		if t.seen[p] {
			return false
		}
	}
	for _, p := range people {
		t.seen[p] = true
	}
	return true
}

// institution is one institution's part of the returned data.
type institution struct {
	ID   scalar `json:"id_lembaga"`
	Name scalar `json:"nama_lembaga"`
	Data []struct {
		NIK   scalar `json:"NIK"`
		Param []struct {
			CustomerID scalar `json:"CUSTOMER_ID"`
		} `json:"param"`
	} `json:"data"`
}

// balikan receives returned data. It accepts a body as a whole or not at all. It
// is not known what the real service does with a body of which a part was sent
// before; refusing all of it is the worst case for a caller.
func (s *Server) balikan(c *call) {
	var sent []institution
	err := json.Unmarshal(c.body, &sent)
	var people []Return
	for _, i := range sent {
		if i.ID == "" || i.Name == "" || len(i.Data) == 0 {
			people = nil
			break
		}
		for _, d := range i.Data {
			for _, p := range d.Param {
				people = append(people, Return{clip(string(d.NIK)), clip(string(p.CustomerID))})
			}
		}
	}
	nik := ""
	if len(people) > 0 {
		nik = people[0].NIK
	}
	s.identify(c, nik)
	if c.replaced() {
		return
	}
	m, _ := s.magicOf(c)
	switch {
	case subtle.ConstantTimeCompare([]byte(c.r.Header.Get("Authorization")), []byte("Bearer "+s.o.BalikanToken)) != 1:
		s.sendBalikan(c, http.StatusUnauthorized, Configuration, "Unauthorized")
	case err != nil || len(people) == 0 || incomplete(people):
		s.sendBalikan(c, http.StatusBadRequest, Malformed, "Format data tidak sesuai")
	case m.balikan != "":
		class := Unreadable
		if m.balikan == alreadySent {
			class = AlreadySent
		}
		s.sendBalikan(c, http.StatusBadRequest, class, m.balikan)
	case c.fault == Refused:
		s.sendBalikan(c, http.StatusBadRequest, Unreadable, c.service.Faults.code(c.rng, "Terjadi kesalahan"))
	case c.fault == EmptyContent:
		c.entry.Class = Unreadable
		c.answerJSON(map[string]any{})
	case !s.sent.accept(people):
		s.sendBalikan(c, http.StatusBadRequest, AlreadySent, alreadySent)
	default:
		c.entry.Returned = people
		s.sendBalikan(c, http.StatusOK, Accepted, "Success")
	}
}

// alreadySent is the message about data that was returned before.
const alreadySent = "Data sudah pernah dikirim"

func incomplete(people []Return) bool {
	for _, p := range people {
		if p.NIK == "" || p.CustomerID == "" {
			return true
		}
	}
	return false
}

func (s *Server) sendBalikan(c *call, status int, class Class, message string) {
	c.entry.Status, c.entry.Class = status, class
	f := form{s.o.Quirks, c.rng}
	c.answerJSON(map[string]any{"message": f.text(message)})
}
