package console

import (
	"context"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/approval"
)

// erasure is an erasure of what is stored of a person, as it is proposed.
type erasure struct {
	NIK string `json:"nik"`
	// Case is where the request of the person is filed. It is shown.
	Case string `json:"case"`
}

const (
	// erasureOfPerson is the name of the kind of acts.
	erasureOfPerson = "subject.erase"
	maxCaseLength   = 64 // characters
)

// erasureKind erases what is stored of a person.
func erasureKind(erase func(context.Context, sesuai.NIK) error) approval.Kind {
	return approval.Kind{
		Name: erasureOfPerson,
		Describe: func(parameters []byte) (approval.Text, error) {
			var one erasure
			err := json.Unmarshal(parameters, &one)
			return approval.Text{English: english.text("erasure.describe", one.Case), Indonesian: indonesian.text("erasure.describe", one.Case)}, err
		},
		CarryOut: func(ctx context.Context, parameters []byte) error {
			var one erasure
			if err := json.Unmarshal(parameters, &one); err != nil {
				return err
			}
			nik, err := sesuai.ParseNIK(one.NIK)
			if err != nil {
				return err
			}
			return erase(ctx, nik)
		},
	}
}

// proposeErasure proposes to erase what is stored of a person. Whether anything is stored
// is not said.
func (c *call) proposeErasure() error {
	nik, err := sesuai.ParseNIK(c.input("nik"))
	if err != nil {
		return c.showApprovals(http.StatusBadRequest, page{Problem: c.language.text("problem.nik")})
	}
	name := c.input("case")
	if name == "" || utf8.RuneCountInString(name) > maxCaseLength || holdsNIK(name) {
		return c.showApprovals(http.StatusBadRequest, page{Problem: c.language.text("erasure.nocase")})
	}
	if _, err := c.o.Approvals.Propose(c.ctx, c.operator, erasureOfPerson, erasure{nik.Reveal(), name}); err != nil {
		return err
	}
	return c.showApprovals(http.StatusAccepted, page{Notice: c.language.text("erasure.proposed")})
}

// holdsNIK reports whether a text has 16 digits in a row, which may be a NIK.
func holdsNIK(text string) bool {
	digits := 0
	for _, r := range text {
		if r < '0' || r > '9' {
			digits = 0
			continue
		}
		if digits++; digits == 16 {
			return true
		}
	}
	return false
}
