package httpapi

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/rows"
)

// resultPage is how many answers are read at once.
const resultPage = 200

// batchBody is the body of a response about a batch. A time is null until then.
type batchBody struct {
	ID          string         `json:"batch_id"`
	Endpoint    batch.Endpoint `json:"endpoint"`
	State       batch.State    `json:"state"`
	Created     time.Time      `json:"created_at"`
	Started     *time.Time     `json:"started_at"`
	Finished    *time.Time     `json:"finished_at"`
	Total       int            `json:"total"`
	Done        int            `json:"done"`
	Verified    int            `json:"verified"`
	NotVerified int            `json:"not_verified"`
	Rejected    int            `json:"rejected"`
}

// BatchJSON returns the response body about a batch.
func BatchJSON(b batch.Batch, c batch.Counts) []byte {
	return encode(batchBody{
		ID: b.ID, Endpoint: b.Endpoint, State: b.State, Created: b.CreatedAt.UTC(), Started: timeOrNull(b.StartedAt), Finished: timeOrNull(b.FinishedAt),
		Total: b.Total, Done: c.Done(), Verified: c.Verified, NotVerified: c.NotVerified, Rejected: c.Rejected,
	})
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// listedBatch is a batch in a list, without the counts of its rows.
type listedBatch struct {
	ID       string         `json:"batch_id"`
	Endpoint batch.Endpoint `json:"endpoint"`
	State    batch.State    `json:"state"`
	Created  time.Time      `json:"created_at"`
	Finished *time.Time     `json:"finished_at"`
	Total    int            `json:"total"`
}

func batchListJSON(all []batch.Batch) []byte {
	listed := make([]listedBatch, len(all))
	for i, b := range all {
		listed[i] = listedBatch{b.ID, b.Endpoint, b.State, b.CreatedAt.UTC(), timeOrNull(b.FinishedAt), b.Total}
	}
	return encode(struct {
		Batches []listedBatch `json:"batches"` // the latest first
	}{listed})
}

// batchResults handles GET /identity/v1/batches/{batch_id}/results: the rows that are
// answered, in the order of their lines. If an answer cannot be read, or the batch is
// removed meanwhile, the response is cut off, which the caller notices.
func (s *Server) batchResults(w *reply, r *http.Request) error {
	client, err := s.authorizeBatch(w, r)
	if err != nil {
		return err
	}
	format, contentType, err := resultFormat(r)
	if err != nil {
		return err
	}
	b, _, err := s.o.Batches.Get(r.Context(), client.ID, r.PathValue(pathBatch))
	if err != nil {
		return err
	}
	page, err := s.o.Batches.Answers(r.Context(), b, 0, resultPage)
	if err != nil {
		return err
	}
	connection := http.NewResponseController(w)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	results := NewResults(format, b.Endpoint, w)
	for len(page) > 0 {
		_ = connection.SetWriteDeadline(time.Now().Add(replyTimeout))
		for _, a := range page {
			if err := results.Write(a); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		if page, err = s.o.Batches.Answers(r.Context(), b, page[len(page)-1].Line, resultPage); err != nil {
			w.cause = err
			panic(http.ErrAbortHandler)
		}
	}
	if _, _, err := s.o.Batches.Get(r.Context(), client.ID, b.ID); err != nil {
		w.cause = err
		panic(http.ErrAbortHandler)
	}
	if results.Flush() != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// resultFormat returns the format of results that a request asks for: by its query, or
// else by the header Accept.
func resultFormat(r *http.Request) (rows.Format, string, error) {
	asked, given := r.URL.Query()["format"]
	switch {
	case len(asked) == 1 && asked[0] == string(rows.CSV), !given && strings.Contains(r.Header.Get("Accept"), "text/csv"):
		return rows.CSV, "text/csv", nil
	case !given, len(asked) == 1 && asked[0] == string(rows.JSONLines):
		return rows.JSONLines, "application/x-ndjson", nil
	default:
		return "", "", advised(guideResults, "no such format of results")
	}
}

// Results writes the answers of a batch in one of the formats.
type Results struct {
	w      io.Writer
	csv    *csv.Writer // nil for lines of JSON
	fields []string
}

// The columns of results in CSV before those of the outcomes.
var resultColumns = []string{
	"line", "reference_id", "request_id", "status", "verification_status", "reason", "code", "guidance_id", "guidance_en", "measures",
}

// NewResults returns a writer of results. In CSV it writes the header line.
func NewResults(f rows.Format, e batch.Endpoint, w io.Writer) *Results {
	r := &Results{w: w}
	if f != rows.CSV {
		return r
	}
	for _, kind := range batchEndpoint(e).fields {
		switch {
		case kind.file:
			r.fields = append(r.fields, kind.name+"_percentage")
		case !slices.Contains(everyEndpoint, kind):
			r.fields = append(r.fields, kind.name)
		}
	}
	r.csv = csv.NewWriter(w)
	_ = r.csv.Write(slices.Concat(resultColumns, r.fields)) // Flush returns its error
	return r
}

// resultLine is a result as a line of JSON.
type resultLine struct {
	Line      int             `json:"line"`
	Reference *string         `json:"reference_id"`
	Request   string          `json:"request_id"`
	Status    int             `json:"status"`
	Answer    json.RawMessage `json:"answer"`
}

// Write writes an answer. A reference that is none was refused, and is not repeated.
func (r *Results) Write(a batch.Answer) error {
	if a.Reference == ungiven || !visibleID(a.Reference) {
		a.Reference = ""
	}
	if r.csv != nil {
		return r.writeCSV(a)
	}
	l := resultLine{Line: a.Line, Request: a.Request, Status: a.Status, Answer: a.Body}
	if a.Reference != "" {
		l.Reference = &a.Reference
	}
	_, err := r.w.Write(append(encode(l), '\n'))
	return err
}

// writeCSV writes an answer as a line of CSV. What the body does not have is empty, and
// null is, too. An apostrophe keeps a spreadsheet from taking a reference for a formula.
func (r *Results) writeCSV(a batch.Answer) error {
	var body struct {
		Status   *bool                      `json:"verification_status"`
		Reason   string                     `json:"reason"`
		Error    string                     `json:"error"`
		Code     string                     `json:"code"`
		Guidance Guidance                   `json:"guidance"`
		Measures []string                   `json:"measures"`
		Result   map[string]json.RawMessage `json:"result"`
	}
	if err := json.NewDecoder(bytes.NewReader(a.Body)).Decode(&body); err != nil {
		return fmt.Errorf("the answer to line %d is not JSON", a.Line)
	}
	if a.Reference != "" && strings.Contains("=+-@", a.Reference[:1]) {
		a.Reference = "'" + a.Reference
	}
	verified := ""
	if body.Status != nil {
		verified = strconv.FormatBool(*body.Status)
	}
	record := []string{
		strconv.Itoa(a.Line), a.Reference, a.Request, strconv.Itoa(a.Status), verified, body.Reason + body.Error, body.Code,
		body.Guidance.ID, body.Guidance.EN, strings.Join(body.Measures, " "),
	}
	for _, name := range r.fields {
		value := string(body.Result[name])
		if value == "null" {
			value = ""
		}
		record = append(record, value)
	}
	return r.csv.Write(record)
}

// Flush writes what is not written yet.
func (r *Results) Flush() error {
	if r.csv == nil {
		return nil
	}
	r.csv.Flush()
	return r.csv.Error()
}
