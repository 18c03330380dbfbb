package balikan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// The bodies of requests and answers, with the keys that Dukcapil uses.
type (
	wireReturn struct {
		ID   string       `json:"id_lembaga"`
		Name string       `json:"nama_lembaga"`
		Data []wirePerson `json:"data"`
	}
	wirePerson struct {
		NIK   string      `json:"NIK"`
		Param []wireParam `json:"param"`
	}
	wireParam struct {
		Customer string `json:"CUSTOMER_ID"`
	}
	wireAnswer struct {
		Message string `json:"message"`
	}
)

// The known messages. Case and spaces do not matter.
const (
	messageSuccess = "success"
	messageAlready = "data sudah pernah dikirim"
)

// maxAnswer is the maximum number of bytes of an answer that are read.
const maxAnswer = 64 << 10

// answer is the outcome of a try.
type answer uint8

const (
	// accepted: all rows are delivered.
	accepted answer = iota
	// already: some or all rows had been delivered before.
	already
	// refused: the service refuses these rows and might accept others.
	refused
	// unanswered: it is not known whether the rows were delivered, or it is too
	// early to try again.
	unanswered
)

// try posts rows. why describes a failure for the log; it repeats nothing of what
// was sent or answered.
func (s *Sender) try(ctx context.Context, rows []Pending) (a answer, why string) {
	token, err := readToken(s.o.TokenFile)
	if err != nil {
		return unanswered, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.URL, bytes.NewReader(s.body(rows)))
	if err != nil {
		return unanswered, "the address cannot be used" // err repeats it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.client.Do(req)
	if err != nil {
		// err holds the address, and of a certificate whatever is in it.
		if errors.Is(err, context.DeadlineExceeded) {
			return unanswered, "no answer in time"
		}
		return unanswered, "no connection"
	}
	defer resp.Body.Close() //nolint:errcheck // it was read as far as it is wanted
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unanswered, "half an answer"
	}
	return understand(resp.StatusCode, b)
}

func (s *Sender) body(rows []Pending) []byte {
	all := wireReturn{ID: s.o.InstitutionID, Name: s.o.InstitutionName}
	for _, r := range rows {
		all.Data = append(all.Data, wirePerson{r.NIK.Reveal(), []wireParam{{r.Customer}}})
	}
	b, err := json.Marshal([]wireReturn{all})
	if err != nil {
		panic("balikan: strings cannot be encoded")
	}
	return b
}

// understand reads an answer. It is strict, because rows that count as delivered
// are erased.
func understand(status int, body []byte) (a answer, why string) {
	var w wireAnswer
	known := json.Unmarshal(body, &w) == nil
	message := strings.ToLower(strings.Join(strings.Fields(w.Message), " "))
	switch {
	case status == http.StatusOK && known && message == messageSuccess:
		return accepted, ""
	case status == http.StatusBadRequest && known && message == messageAlready:
		return already, ""
	case status == http.StatusOK:
		return unanswered, "status 200 with a body that does not say success"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return unanswered, "the token is refused"
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return unanswered, "it is busy"
	case status >= 400 && status < 500 && status != http.StatusNotFound && status != http.StatusMethodNotAllowed:
		return refused, "it is refused"
	default:
		return unanswered, "an unexpected status"
	}
}
