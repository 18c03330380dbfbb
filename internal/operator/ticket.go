package operator

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// TicketLife is for how long a ticket is valid.
const TicketLife = 5 * time.Minute

// A ticket is what a browser keeps from asking to sign in until it brings what another
// party has signed: a passkey, or a provider of identities. It is a time, a random text and a MAC over
// both, over what it is for and over whom it is for. Nothing is stored for it, so nobody
// can fill the database. What that party signs is derived from it, and is of no use without it.
type ticket struct {
	text     string
	issuedAt int64 // in microseconds
}

func (s *Store) newTicket(purpose, operator string) ticket {
	at := s.o.Now().UnixMicro()
	text := strconv.FormatInt(at, 36) + "." + rand.Text()
	return ticket{text + "." + s.ticketMAC(purpose, operator, text), at}
}

// openTicket returns the ticket of a text, and false if it was not issued for this, or its
// time is over.
func (s *Store) openTicket(purpose, operator, text string) (ticket, bool) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 || !hmac.Equal([]byte(text[i+1:]), []byte(s.ticketMAC(purpose, operator, text[:i]))) {
		return ticket{}, false
	}
	at, _, _ := strings.Cut(text, ".")
	issued, err := strconv.ParseInt(at, 36, 64)
	if err != nil {
		return ticket{}, false
	}
	age := s.o.Now().Sub(time.UnixMicro(issued))
	return ticket{text, issued}, age >= -maxSkew && age < TicketLife
}

// maxSkew is by how much the clock of another node may be ahead.
const maxSkew = time.Minute

func (s *Store) ticketMAC(purpose, operator, text string) string {
	return base64.RawURLEncoding.EncodeToString(s.o.Secret.MAC("ticket", []byte(purpose), []byte(operator), []byte(text)))
}

// derive returns 32 bytes of a ticket for one use. Nobody else can derive them.
func (s *Store) derive(use string, t ticket) []byte { return s.hash(use, t.text) }

// use reports whether the operator has not signed in with this ticket, or one that was
// issued later. So what was signed for a ticket is accepted once.
func (v *state) use(t ticket) bool {
	if t.issuedAt <= v.Ticket {
		return false
	}
	v.Ticket = t.issuedAt
	return true
}

// Text returns what the browser keeps.
func (t ticket) Text() sesuai.Text { return sesuai.NewText(t.text) }
