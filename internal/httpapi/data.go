package httpapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sesuai/sesuai"
)

// dataVerificationFields is the schema of data verifications. liveness_result and
// liveness_fail_message, which some clients send, are not in it, and so are ignored.
var dataVerificationFields = func() schema {
	fields := schema{{fieldNIK, false}}
	for _, a := range sesuai.Claimable {
		fields = append(fields, fieldKind{string(a), false})
	}
	return fields.with(everyEndpoint)
}()

// ungiven is what the vendor's SDK sends for a value that is missing.
const ungiven = "undefined"

// claimed returns what a form claims besides the NIK, in the contract's order. What
// is null, empty or only white space is not claimed, nor is ungiven. A text that
// cannot be read is, and is not valid.
func (f *form) claimed() []sesuai.Attribute {
	return slices.DeleteFunc(slices.Clone(sesuai.Claimable), func(a sesuai.Attribute) bool {
		field := f.field(string(a))
		text := strings.TrimSpace(field.text)
		return !field.unreadable && (text == "" || text == ungiven)
	})
}

// dataVerification checks the fields of a data verification in the contract's order.
func (f *form) dataVerification(now time.Time) (sesuai.Claim, error) {
	c := sesuai.Claim{Attributes: make(map[sesuai.Attribute]sesuai.Text)}
	var err error
	if c.NIK, err = sesuai.ParseNIK(f.field(fieldNIK).text); err != nil {
		return sesuai.Claim{}, f.invalid(fieldNIK, err)
	}
	claimed := f.claimed()
	if len(claimed) == 0 {
		return sesuai.Claim{}, &sesuai.Error{Kind: sesuai.KindNoAttribute}
	}
	for _, a := range claimed {
		switch text := f.field(string(a)).text; a {
		case sesuai.NameAttribute:
			c.Name, err = sesuai.ParseName(text)
		case sesuai.DateOfBirthAttribute:
			c.DateOfBirth, err = sesuai.ParseDate(text, now)
		default:
			c.Attributes[a], err = parseAttribute(a, strings.TrimSpace(text))
		}
		if err != nil {
			return sesuai.Claim{}, err
		}
	}
	return c, nil
}

// parseAttribute parses the value of an optional attribute. It must have a letter or
// a digit: a dash says nothing that could be compared.
func parseAttribute(a sesuai.Attribute, text string) (sesuai.Text, error) {
	parsed, err := sesuai.ParseText(text)
	said := strings.ContainsFunc(text, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) })
	if err != nil || !said {
		return sesuai.Text{}, &sesuai.Error{Kind: sesuai.KindInvalidAttribute, Err: &advice{
			guidance: guideAttribute, why: string(a) + " is not valid", reason: "Invalid " + string(a) + " format",
		}}
	}
	return parsed, nil
}

// outcomes is the result of a data verification. It marshals to an object with its
// fields in their order.
type outcomes []fieldOutcome

type fieldOutcome struct {
	field   string
	outcome sesuai.Outcome
}

// MarshalJSON implements json.Marshaler.
func (o outcomes) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, of := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(nullable(of.outcome))
		if err != nil {
			return nil, err
		}
		b.WriteString(`"` + of.field + `":`)
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// outcomesOf returns the outcomes of the NIK and of what was claimed.
func outcomesOf(v sesuai.DataVerdict, claimed []sesuai.Attribute) outcomes {
	all := outcomes{{fieldNIK, v.NIK}}
	for _, a := range claimed {
		all = append(all, fieldOutcome{string(a), v.Outcome(a)})
	}
	return all
}

// dataVerdictJSON returns the response body for a verdict about what was claimed.
func dataVerdictJSON(v sesuai.DataVerdict, claimed []sesuai.Attribute) []byte {
	return encode(verificationBody{Status: v.Verified, Reason: string(v.Reason), Result: outcomesOf(v, claimed)})
}
