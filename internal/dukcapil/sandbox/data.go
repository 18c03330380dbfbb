package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

const (
	agrees  = "Sesuai"
	differs = "Tidak Sesuai"
)

// element is an element that the data check can compare.
type element struct {
	key string
	// fuzzy means that the answer has a percentage of agreement.
	fuzzy bool
	// of is the attribute that the element is, or whose code it is a part of.
	of sesuai.Attribute
}

// The elements of the data check. Those of a region's code are in the order of its
// parts.
var elements = []element{
	{"NIK", false, ""},
	{"NAMA_LGKP", true, ""},
	{"TGL_LHR", false, ""},
	{"TMPT_LHR", true, sesuai.PlaceOfBirth},
	{"JENIS_KLMIN", false, sesuai.Gender},
	{"STATUS_KAWIN", false, sesuai.MaritalStatus},
	{"JENIS_PKRJN", false, sesuai.JobType},
	{"NAMA_LGKP_IBU", true, sesuai.MotherMaidenName},
	{"ALAMAT", true, sesuai.Address},
	{"NO_KK", false, sesuai.FamilyCardNumber},
	{"NO_RT", false, sesuai.RT},
	{"NO_RW", false, sesuai.RW},
	{"PROP_NAME", false, sesuai.Province},
	{"KAB_NAME", false, sesuai.City},
	{"KEC_NAME", false, sesuai.District},
	{"KEL_NAME", false, sesuai.Subdistrict},
	{"NO_PROP", false, sesuai.Province},
	{"NO_KAB", false, sesuai.City},
	{"NO_KEC", false, sesuai.District},
	{"NO_KEL", false, sesuai.Subdistrict},
}

// codes are the elements of a region's code.
var codes = elements[len(elements)-4:]

// graded returns the text about a fuzzy element that agrees by percent.
func graded(percent, threshold int) string {
	return fmt.Sprintf("%s (%d)", word(percent >= threshold), percent)
}

func word(agree bool) string {
	if agree {
		return agrees
	}
	return differs
}

// dataRequest is the request of a data check.
type dataRequest struct {
	user, password, ip, nik string
	// threshold is -1 if it is not a whole number from 0 to 100.
	threshold int
	// sent holds the elements that are not empty.
	sent map[string]string
	// invalid means that a field is neither a text nor a number.
	invalid bool
}

func readDataRequest(fields map[string]json.RawMessage) dataRequest {
	r := dataRequest{threshold: -1, sent: make(map[string]string)}
	field := func(key string) string {
		var v scalar
		if b, ok := fields[key]; ok && json.Unmarshal(b, &v) != nil {
			r.invalid = true
			return ""
		}
		return string(v)
	}
	r.user, r.password, r.ip = field("USER_ID"), field("PASSWORD"), field("IP_USER")
	if n, err := strconv.Atoi(strings.TrimSpace(field("TRESHOLD"))); err == nil && n >= 0 && n <= 100 {
		r.threshold = n
	}
	for _, e := range elements {
		if v := field(e.key); strings.TrimSpace(v) != "" {
			r.sent[e.key] = v
		}
	}
	r.nik = r.sent["NIK"]
	return r
}

// dataAnswer is the answer to a data check.
type dataAnswer struct {
	// code is the RESPONSE_CODE; empty for a plain success.
	code string
	// text is the code's text, if it is not that of the table.
	text string
	// elements holds the text about each element by its key; nil for none.
	elements map[string]string
	// shape is the shape of a refusal; nil for that of Options.Quirks.
	shape *Shape
	// class is the answer's class, if the code does not determine it.
	class Class
	// rows is the number of rows in content.
	rows int
	// noContent leaves out content, noQuota leaves out quotaLimiter.
	noContent, noQuota bool
}

// data answers a data check.
func (s *Server) data(c *call) {
	fields, ok := c.fields()
	if !ok {
		s.identify(c, "")
		s.malformed(c, 400)
		return
	}
	r := readDataRequest(fields)
	s.identify(c, r.nik)
	if c.replaced() {
		return
	}
	answer := dataAnswer{code: s.admitData(c, r), rows: 1}
	if answer.code == "" {
		var err error
		if answer, err = s.askData(c, r); err != nil {
			s.failed(c, err)
			return
		}
	}
	s.sendData(c, r, answer)
}

// admitData returns the code that refuses the call before the registry is asked,
// or "" if the call is admitted. The order of the checks is a guess.
func (s *Server) admitData(c *call, r dataRequest) string {
	a := s.account(r.user)
	switch {
	case r.user == "" || r.password == "":
		return codeCredentials
	case a == nil || a.Password != r.password || a.Customer != c.r.PathValue("customer"):
		return codeLogin
	case a.InstitutionInactive:
		return codeInstitution
	case a.UserInactive:
		return codeUser
	case !a.allows(r.ip):
		return codeIP
	case !s.connectionAllowed(a, c.r):
		return codeConnection
	case !s.hours.include(c.entry.At):
		return codeHours
	case s.day.remaining(c.entry.At, meter{c.name, a.UserID}, c.service.Quota) == 0:
		return codeQuota
	case r.invalid || r.threshold < 0 || r.nik == "" || !isDate(r.sent["TGL_LHR"]):
		return codeParameters
	}
	if _, err := sesuai.ParseNIK(r.nik); err != nil {
		return codeFormat
	}
	return ""
}

// isDate reports whether the text has the form of a date, or is empty.
func isDate(s string) bool {
	if s == "" {
		return true
	}
	digits := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return '9'
		}
		return c
	}, s)
	return digits == "99-99-9999"
}

// askData returns the answer about a person, or an error if the registry has
// none.
func (s *Server) askData(c *call, r dataRequest) (dataAnswer, error) {
	if m, ok := s.magicOf(c); ok {
		a := dataAnswer{elements: agreeing(r), rows: 1}
		if m.data != nil {
			m.data(&a, r)
		}
		return a, nil
	}
	switch c.fault {
	case Refused:
		return dataAnswer{code: c.service.Faults.code(c.rng, codeParameters), rows: 1}, nil
	case EmptyContent:
		return dataAnswer{class: Unreadable}, nil
	}
	nik, err := sesuai.ParseNIK(r.nik)
	if err != nil {
		return dataAnswer{}, err
	}
	claim := sesuai.Claim{NIK: nik, Attributes: r.attributes()}
	// An invalid name or date is left zero and agrees with no record.
	claim.Name, _ = sesuai.ParseName(r.sent["NAMA_LGKP"])
	claim.DateOfBirth, _ = sesuai.ParseDate(r.sent["TGL_LHR"], c.entry.At)
	record, err := s.o.Registry.Ask(c.context(), registry.Question{Claim: claim})
	switch {
	case err != nil:
		return dataAnswer{}, err
	case !record.Found:
		return dataAnswer{code: codeNotFound, rows: 1}, nil
	case record.Duplicate:
		return dataAnswer{code: codeDuplicate, rows: 1}, nil
	case record.Status == sesuai.Deceased:
		return dataAnswer{code: codeDeceased, rows: 1}, nil
	case record.Status != sesuai.Active:
		return dataAnswer{code: codeInactive, rows: 1}, nil
	}
	var byCode registry.Answer
	if regions := r.regionCodes(); len(regions) > 0 {
		byCode, err = s.o.Registry.Ask(c.context(), registry.Question{Claim: sesuai.Claim{NIK: nik, Attributes: regions}})
		if err != nil {
			return dataAnswer{}, err
		}
	}
	a := dataAnswer{elements: make(map[string]string), rows: 1}
	for _, e := range elements {
		if _, ok := r.sent[e.key]; !ok {
			continue
		}
		agreement := record.Attributes[e.of]
		if slices.Contains(codes, e) {
			agreement = byCode.Attributes[e.of]
		}
		switch {
		case e.key == "NIK":
			a.elements[e.key] = agrees
		case e.key == "NAMA_LGKP":
			a.elements[e.key] = graded(max(record.NameScore, 0), r.threshold)
		case e.key == "TGL_LHR":
			a.elements[e.key] = word(record.DateOfBirth == sesuai.Match)
		case agreement.Outcome == sesuai.NotCompared: // the registry does not hold it
		case e.fuzzy:
			a.elements[e.key] = graded(agreement.Score, r.threshold)
		default:
			a.elements[e.key] = word(agreement.Outcome == sesuai.Match)
		}
	}
	return a, nil
}

// attributes returns the attributes that were sent as such.
func (r dataRequest) attributes() map[sesuai.Attribute]sesuai.Text {
	all := make(map[sesuai.Attribute]sesuai.Text)
	for _, e := range elements[:len(elements)-len(codes)] {
		if v, ok := r.sent[e.key]; ok && e.of != "" {
			all[e.of] = sesuai.NewText(v)
		}
	}
	return all
}

// regionCodes returns the regions whose codes were sent. A part of a code without
// those before it says nothing.
func (r dataRequest) regionCodes() map[sesuai.Attribute]sesuai.Text {
	all := make(map[sesuai.Attribute]sesuai.Text)
	code := ""
	for _, e := range codes {
		part, ok := r.sent[e.key]
		if !ok {
			break
		}
		code += part
		all[e.of] = sesuai.NewText(code)
	}
	return all
}

// agreeing returns texts that say that every element that was sent agrees.
func agreeing(r dataRequest) map[string]string {
	all := make(map[string]string)
	for _, e := range elements {
		if _, ok := r.sent[e.key]; !ok {
			continue
		}
		if all[e.key] = agrees; e.fuzzy {
			all[e.key] = graded(100, 0)
		}
	}
	return all
}

// classOf returns the class of the answer.
func (a dataAnswer) classOf() Class {
	if a.class != "" {
		return a.class
	}
	if a.code == "" {
		return Found
	}
	if row, ok := dataCodes[a.code]; ok {
		return row.class
	}
	return Unreadable
}

// sendData writes the answer.
func (s *Server) sendData(c *call, r dataRequest, a dataAnswer) {
	remaining, ok := 0, true
	if account := s.account(r.user); account != nil {
		if remaining, ok = s.bill(c, account.UserID, a.classOf()); !ok {
			a = dataAnswer{code: codeQuota, rows: 1}
		}
	}
	c.entry.Class, c.entry.Code = a.classOf(), a.code
	f := form{s.o.Quirks, c.rng}
	if a.shape != nil {
		f.Shape = *a.shape
	}
	if a.text == "" {
		a.text = dataCodes[a.code].text
	}
	if a.elements == nil && a.code != "" && f.respon() {
		c.answerJSON(map[string]any{"RESPON": f.text(a.text)})
		c.entry.Code = ""
		return
	}
	row := make(map[string]any)
	if a.code != "" {
		row["RESPONSE_CODE"] = f.digitsOfCode(a.code)
		row["RESPONSE_DESC"], row["RESPONSE"] = f.text(a.text), f.text(a.text)
	}
	for _, e := range elements {
		text, ok := a.elements[e.key]
		_, sent := r.sent[e.key]
		if !ok && a.elements != nil && !sent && f.differs() {
			text, ok = differs, true
		}
		if ok {
			text = f.text(text)
			row[e.key] = text
		}
		switch {
		case !ok || !sent:
		case e.key == "NAMA_LGKP":
			c.entry.Name = text
		case e.key == "TGL_LHR":
			c.entry.DateOfBirth = text
		}
	}
	envelope := map[string]any{
		"content": slices.Repeat([]any{row}, a.rows), "lastPage": f.truth(true), "firstPage": f.truth(true), "sort": nil,
		"numberOfElements": f.number(a.rows), "totalElements": f.number(a.rows), "number": f.number(0), "size": f.number(1),
		"quotaLimiter": f.number(remaining),
	}
	if a.noContent {
		delete(envelope, "content")
	}
	if a.noQuota {
		delete(envelope, "quotaLimiter")
	}
	c.answerJSON(envelope)
}

// digitsOfCode returns a RESPONSE_CODE as a string, or as a number, which has no
// leading zero.
func (f form) digitsOfCode(code string) any {
	if n, err := strconv.Atoi(code); err == nil && !f.asString(true) {
		return n
	}
	return code
}
