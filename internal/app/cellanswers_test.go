package app_test

import (
	"fmt"
	"testing"

	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/app"
)

// filledWith are the people whom a database is filled with verifications of, each with a
// key and the request's id of filledID.
var filledWith = []int{first, second, elsewhere}

func filledID(n int) string { return fmt.Sprint("filled-", n) }

func askToFill(n int) cellAsk {
	return cellAsk{client: "strict", person: n, number: remembered + n, cosine: 0.9, key: filledID(n)}
}

// observeAnswers looks up what was answered before, and asks for it again by the keys.
func (w *cells) observeAnswers(t *testing.T, c app.Config, s *app.Storage, got seen) {
	t.Helper()
	client := clientOf(t, s, "strict").ID
	if client == "" {
		return // its requests are 401
	}
	look := func(about string, found answer.Found, err error) {
		if got[about] = fmt.Sprintf("%+v", found); err != nil {
			got[about] = noticed + err.Error()
		}
	}
	found, err := s.Answers.ByReference(t.Context(), client, "row")
	look("answers to the rows of the batch", found, err)
	server := serverOf(t, c, s)
	for _, n := range filledWith {
		found, err := s.Answers.ByRequest(t.Context(), client, filledID(n))
		look("answer to "+filledID(n), found, err)
		w.askOne(t, server, got, "repeated "+filledID(n), askToFill(n), "again")
	}
}
