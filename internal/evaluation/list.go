package evaluation

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sesuai/sesuai"
)

// The columns of a list. The first three are required. The two columns of
// persons come together. A group is either that of both photographs, or each of
// them has its own column.
const (
	columnSame            = "same"
	columnReference       = "reference"
	columnProbe           = "probe"
	columnFold            = "fold"
	columnGroup           = "group"
	columnReferenceGroup  = "reference_group"
	columnProbeGroup      = "probe_group"
	columnReferencePerson = "reference_person"
	columnProbePerson     = "probe_person"
)

const (
	// maxValue bounds a field of a list and maxLine a line, in bytes.
	maxValue = 1024
	maxLine  = 16 << 10
	// maxFolds bounds the number of a fold.
	maxFolds = 1000
)

// mention is where a list first names a photograph.
type mention struct {
	line   int
	column string
}

// ReadList reads a list of pairs: CSV with a header line. Errors of kind
// sesuai.KindMalformed name the line that is wrong, and hold nothing of what
// stands there.
//
// The columns reference_person and probe_person say who is on the photographs.
// Without them, two photographs are of one person if a pair says so, or if their
// paths agree up to the file name's last underscore (a/Ayu_1.jpg, a/Ayu_2.jpg).
func ReadList(r io.Reader) (*Set, error) {
	digest := sha256.New()
	l, err := newListReader(io.TeeReader(r, digest))
	if err != nil {
		return nil, err
	}
	for {
		err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(l.set.Pairs) == 0 {
		return nil, badList("it has no pairs")
	}
	if err := l.people(); err != nil {
		return nil, err
	}
	l.numberFolds()
	l.set.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return &l.set, nil
}

func badList(format string, args ...any) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the list: " + fmt.Sprintf(format, args...)}
}

func badLine(line int, format string, args ...any) error {
	return badList("line %d: %s", line, fmt.Sprintf(format, args...))
}

// listReader reads a list line by line, and finds out at the end who is on which
// photograph.
type listReader struct {
	csv *csv.Reader
	// at is the index of the field of each column.
	at      map[string]int
	set     Set
	lines   []int          // of each pair
	samples map[string]int // index by path
	seen    map[[2]int]int // line of each pair of samples
	// person names who is on each sample. group is the group that the list
	// gives it, "" if none, and groupLine the line that does.
	person    []string
	group     []string
	groupLine []int
	folds     map[int]bool
}

func newListReader(r io.Reader) (*listReader, error) {
	buffered := bufio.NewReader(&shortLines{r: r})
	// Spreadsheets put a byte order mark in front of UTF-8.
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = buffered.Discard(len(mark))
	}
	l := &listReader{
		csv: csv.NewReader(buffered), at: make(map[string]int), samples: make(map[string]int),
		seen: make(map[[2]int]int), folds: make(map[int]bool),
	}
	l.csv.ReuseRecord = true
	header, err := l.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, badList("it is empty")
	}
	if err != nil {
		return nil, unreadableList(err)
	}
	known := []string{
		columnSame, columnReference, columnProbe, columnFold, columnGroup, columnReferenceGroup, columnProbeGroup,
		columnReferencePerson, columnProbePerson,
	}
	for i, c := range header {
		c = strings.TrimSpace(c)
		if _, twice := l.at[c]; twice || !slices.Contains(known, c) {
			// The number, not the name: a list without a header line has names
			// of people here.
			return nil, badLine(1, "column %d has a name that is not known, or is there twice", i+1)
		}
		l.at[strings.Clone(c)] = i
	}
	for _, c := range known[:3] {
		if !l.has(c) {
			return nil, badLine(1, "the column %s is missing", c)
		}
	}
	switch {
	case l.has(columnReferencePerson) != l.has(columnProbePerson):
		return nil, badLine(1, "%s and %s go together", columnReferencePerson, columnProbePerson)
	case l.has(columnReferenceGroup) != l.has(columnProbeGroup):
		return nil, badLine(1, "%s and %s go together", columnReferenceGroup, columnProbeGroup)
	case l.has(columnGroup) && l.has(columnReferenceGroup):
		return nil, badLine(1, "%s and %s exclude each other", columnGroup, columnReferenceGroup)
	}
	return l, nil
}

func (l *listReader) has(column string) bool {
	_, ok := l.at[column]
	return ok
}

// unreadableList returns the error for one of reading. It drops the text of an
// error of package csv, which could quote the line.
func unreadableList(err error) error {
	if own, ok := errors.AsType[*sesuai.Error](err); ok {
		return own
	}
	broken, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case !ok:
		return fmt.Errorf("reading the list: %w", err)
	case errors.Is(broken, csv.ErrFieldCount):
		return badLine(broken.StartLine, "not as many fields as the header line has")
	default:
		return badLine(broken.StartLine, "not CSV: quotes do not match")
	}
}

// next reads a pair. The error is io.EOF at the end.
func (l *listReader) next() error {
	fields, err := l.csv.Read()
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err != nil {
		return unreadableList(err)
	}
	line, _ := l.csv.FieldPos(0)
	for column, i := range l.at {
		fields[i] = strings.TrimSpace(fields[i])
		if why := whyNotValue(fields[i]); why != "" {
			return badLine(line, "%s %s", column, why)
		}
	}
	p := Pair{Fold: -1}
	switch fields[l.at[columnSame]] {
	case "0":
	case "1":
		p.Same = true
	default:
		return badLine(line, "%s must be 0 or 1", columnSame)
	}
	if l.has(columnFold) {
		p.Fold, err = strconv.Atoi(fields[l.at[columnFold]])
		if err != nil || p.Fold < 0 || p.Fold > maxFolds {
			return badLine(line, "%s must be a whole number from 0 to %d", columnFold, maxFolds)
		}
		l.folds[p.Fold] = true
	}
	if p.Reference, err = l.sample(line, fields, columnReference, columnReferencePerson, columnReferenceGroup); err != nil {
		return err
	}
	if p.Probe, err = l.sample(line, fields, columnProbe, columnProbePerson, columnProbeGroup); err != nil {
		return err
	}
	if p.Reference == p.Probe {
		return badLine(line, "%s and %s are one photograph", columnReference, columnProbe)
	}
	ends := [2]int{p.Reference, p.Probe}
	if first, again := l.seen[ends]; again {
		return badLine(line, "the pair of line %d again", first)
	}
	l.seen[ends] = line
	l.set.Pairs = append(l.set.Pairs, p)
	l.lines = append(l.lines, line)
	return nil
}

// whyNotValue says what is wrong with a field; "" if nothing is.
func whyNotValue(v string) string {
	switch {
	case v == "":
		return "is empty"
	case len(v) > maxValue:
		return fmt.Sprintf("is longer than %d bytes", maxValue)
	case !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl):
		return "must be one line of UTF-8" // a quote that is missing swallows lines
	}
	return ""
}

// sample returns the index of the photograph in a column.
func (l *listReader) sample(line int, fields []string, column, personColumn, groupColumn string) (int, error) {
	file := fields[l.at[column]]
	i, known := l.samples[file]
	if !known {
		if !filepath.IsLocal(file) || path.Clean(file) != file || file == "." {
			return 0, badLine(line, "%s must be a path inside the folder of photographs, without . and ..", column)
		}
		i, file = len(l.set.Samples), strings.Clone(file)
		l.samples[file] = i
		l.set.Samples = append(l.set.Samples, Sample{File: file, Person: -1, Group: -1})
		l.set.first = append(l.set.first, mention{line, column})
		person := stem(file)
		if l.has(personColumn) {
			person = strings.Clone(fields[l.at[personColumn]])
		}
		l.person, l.group, l.groupLine = append(l.person, person), append(l.group, ""), append(l.groupLine, 0)
	} else if l.has(personColumn) && l.person[i] != fields[l.at[personColumn]] {
		return 0, badLine(line, "%s is another than on line %d for the same photograph", personColumn, l.set.first[i].line)
	}
	if l.has(columnGroup) {
		groupColumn = columnGroup
	}
	if l.has(groupColumn) {
		switch group := fields[l.at[groupColumn]]; l.group[i] {
		case "":
			l.group[i], l.groupLine[i] = strings.Clone(group), line
		case group:
		default:
			return 0, badLine(line, "%s is another than on line %d for the same photograph", groupColumn, l.groupLine[i])
		}
	}
	return i, nil
}

// stem is a path up to the last underscore of the file's name, or the path if
// there is none.
func stem(file string) string {
	folder, name := path.Split(file)
	if cut := strings.LastIndexByte(name, '_'); cut > 0 {
		return folder + name[:cut]
	}
	return file
}

// people finds out who is on each sample and in which group that person is.
func (l *listReader) people() error {
	named := l.has(columnReferencePerson)
	joined := make(disjoint, len(l.set.Samples))
	byName := make(map[string]int)
	for i, name := range l.person {
		joined[i] = i
		if first, ok := byName[name]; ok {
			joined.join(first, i)
		} else {
			byName[name] = i
		}
	}
	if !named {
		for _, p := range l.set.Pairs {
			if p.Same {
				joined.join(p.Reference, p.Probe)
			}
		}
	}
	for i, p := range l.set.Pairs {
		switch one := joined.of(p.Reference) == joined.of(p.Probe); {
		case p.Same && !one:
			return badLine(l.lines[i], "%s is 1, but the persons differ", columnSame)
		case !p.Same && one && named:
			return badLine(l.lines[i], "%s is 0, but the persons are one", columnSame)
		case !p.Same && one:
			return badLine(l.lines[i], "%s is 0, but by other lines or by their paths (up to the file name's last underscore) "+
				"the two are one person; the columns %s and %s can say who is who", columnSame, columnReferencePerson, columnProbePerson)
		}
	}
	return l.number(joined)
}

// number numbers people and groups, in the order of the samples.
func (l *listReader) number(joined disjoint) error {
	people, groups := make(map[int]int), make(map[string]int)
	type origin struct {
		group string
		line  int
	}
	var given []origin // by person
	for i := range l.set.Samples {
		s, root := &l.set.Samples[i], joined.of(i)
		person, ok := people[root]
		if !ok {
			person = len(l.set.People)
			people[root] = person
			l.set.People = append(l.set.People, l.person[i])
			given = append(given, origin{l.group[i], l.groupLine[i]})
		}
		s.Person = person
		if l.group[i] == "" {
			continue
		}
		if g := given[person]; g.group != l.group[i] {
			return badLine(max(g.line, l.groupLine[i]), "the group is another than on line %d for the same person", min(g.line, l.groupLine[i]))
		}
		group, ok := groups[l.group[i]]
		if !ok {
			group = len(l.set.Groups)
			groups[l.group[i]] = group
			l.set.Groups = append(l.set.Groups, l.group[i])
		}
		s.Group = group
	}
	return nil
}

// numberFolds numbers the folds from 0 without gaps.
func (l *listReader) numberFolds() {
	var have []int
	for f := range l.folds {
		have = append(have, f)
	}
	slices.Sort(have)
	for i, p := range l.set.Pairs {
		if p.Fold >= 0 {
			l.set.Pairs[i].Fold, _ = slices.BinarySearch(have, p.Fold)
		}
	}
}

// disjoint holds sets of samples (Tarjan's union-find): each sample points to an
// earlier one of its set, and the first one to itself.
type disjoint []int

func (d disjoint) of(i int) int {
	for d[i] != i {
		d[i] = d[d[i]]
		i = d[i]
	}
	return i
}

func (d disjoint) join(i, j int) {
	i, j = d.of(i), d.of(j)
	d[max(i, j)] = min(i, j)
}

// shortLines fails when a line is too long: package csv would read any line into
// memory.
type shortLines struct {
	r          io.Reader
	line, size int
}

func (s *shortLines) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest) - 1
		}
		s.size += end + 1
		if s.size > maxLine {
			return 0, badLine(s.line+1, "it is longer than %d bytes", maxLine)
		}
		if rest[end] == '\n' {
			s.line, s.size = s.line+1, 0
		}
		rest = rest[end+1:]
	}
	return n, err
}
