package enrol

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxRecord bounds a row of CSV, in bytes: many times what a person takes. A
// quote that never ends would otherwise make one row, held in memory, of all
// that is left of a file.
const maxRecord = maxLine

// recordReader reads rows of CSV of at most maxRecord. What a longer one has
// swallowed is read again: only its first line is lost.
type recordReader struct {
	csv *csv.Reader
	fed *feed
	// line is how many lines there are before what csv has read.
	line int
}

// feed is what a csv.Reader reads, and keeps what was read for the row under
// way.
type feed struct {
	// again is read before from.
	again []byte
	from  *bufio.Reader
	// pending is what was read behind the last whole row, which ended at start,
	// in bytes, behind so many lines.
	pending []byte
	start   int64
	lines   int
	// tooLong is whether the row under way has become longer than it may.
	tooLong bool
}

func newRecordReader(r *bufio.Reader) *recordReader {
	p := &recordReader{fed: &feed{from: r}}
	p.csv = csv.NewReader(p.fed)
	p.csv.ReuseRecord = true
	return p
}

// errTooLong is what a csv.Reader gets instead of more of a row.
var errTooLong = errors.New("a row is too long")

// Read implements io.Reader.
func (f *feed) Read(b []byte) (n int, err error) {
	if len(f.pending) > maxRecord {
		f.tooLong = true
		return 0, errTooLong
	}
	if len(f.again) > 0 {
		n = copy(b, f.again)
		f.again = f.again[n:]
	} else {
		n, err = f.from.Read(b)
	}
	f.pending = append(f.pending, b[:n]...)
	return n, err
}

// passed drops what belongs to whole rows: all before offset.
func (f *feed) passed(offset int64) {
	whole := f.pending[:offset-f.start]
	f.lines += bytes.Count(whole, []byte{'\n'})
	f.pending = append(f.pending[:0], f.pending[len(whole):]...)
	f.start = offset
}

// next reads a row and says on which line it begins. broken says what is wrong
// with the row as a whole; "" if nothing is. fields are valid until the next
// call.
func (p *recordReader) next() (fields []string, line int, broken string, err error) {
	fields, err = p.csv.Read()
	if p.fed.tooLong {
		line, broken, err = p.skip()
		return nil, line, broken, err
	}
	wrong, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case ok:
		line = wrong.StartLine
	case err != nil:
		return nil, 0, "", err
	default:
		line, _ = p.csv.FieldPos(0)
	}
	p.fed.passed(p.csv.InputOffset())
	return fields, p.line + line, whyBroken(wrong, fields), nil
}

// skip passes over the first line of a row that is too long, and says which
// line that is.
func (p *recordReader) skip() (line int, broken string, err error) {
	old := p.fed
	// Nothing but empty lines stands between the last row and this one.
	row := bytes.TrimLeft(old.pending, "\r\n")
	p.line += old.lines + bytes.Count(old.pending[:len(old.pending)-len(row)], []byte{'\n'}) + 1
	again, broken := old.again, fmt.Sprintf("a row may have %d bytes", maxRecord)
	if _, rest, ends := bytes.Cut(row, []byte{'\n'}); ends {
		again = append(bytes.Clone(rest), again...)
		broken = fmt.Sprintf("quotes do not match: the row goes on for more than %d bytes", maxRecord)
	} else if _, rest, ends := bytes.Cut(again, []byte{'\n'}); ends {
		again = rest
	} else {
		again = nil
		if err := skipLine(old.from); err != nil {
			return 0, "", err
		}
	}
	p.fed = &feed{again: again, from: old.from}
	fields := p.csv.FieldsPerRecord
	p.csv = csv.NewReader(p.fed)
	p.csv.ReuseRecord, p.csv.FieldsPerRecord = true, fields
	return p.line, broken, nil
}

// skipLine reads what is left of a line.
func skipLine(r *bufio.Reader) error {
	for {
		switch _, err := r.ReadSlice('\n'); {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil // the next to read finds it again
		default:
			return err
		}
	}
}

// whyBroken says what is wrong with a row before its fields are looked at; ""
// if nothing is. wrong may be nil.
func whyBroken(wrong *csv.ParseError, fields []string) string {
	lines := 1
	for _, f := range fields {
		lines += strings.Count(f, "\n")
	}
	if wrong != nil {
		lines = max(lines, wrong.Line-wrong.StartLine+1)
	}
	switch {
	case lines > 1:
		// No field has line breaks: one that seems to has swallowed rows.
		return fmt.Sprintf("quotes do not match: the row goes on for %d lines", lines)
	case wrong == nil:
		return ""
	case errors.Is(wrong, csv.ErrFieldCount):
		return "not as many fields as the header line has"
	default:
		return "not CSV: quotes do not match"
	}
}
