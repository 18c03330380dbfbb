package app_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/app"
	keys "github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/test/process"
)

var update = flag.Bool("update", false, "write the generated pages of docs")

// TestReference holds the generated pages to the code. Those of docs/reference are
// made of the comments, tags and defaults of the configuration's fields.
func TestReference(t *testing.T) {
	process.Slow(t)
	c, sc := app.DefaultConfig(), sandbox.DefaultConfig()
	for name, text := range map[string]string{
		"reference/configuration.md":    configurationPage(t, c),
		"reference/dukcapil-sandbox.md": dukcapilSandboxPage(t, sc),
		"integrate/sandbox.md":          sandboxPage(t, "integrate/sandbox.md"),
		"integrate/sandbox.id.md":       sandboxPage(t, "integrate/sandbox.id.md"),
	} {
		path := filepath.Join("../../docs", name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(page), text); diff != "" {
			t.Errorf("docs/%s is not what the code says: run make docs (-page +code)\n%s", name, diff)
		}
	}
}

const generated = "<!-- make docs writes this page from the comments of the code. Do not edit it. -->\n\n"

func configurationPage(t *testing.T, c app.Config) string {
	m := manual{t: t, variables: app.EnvPrefix, files: make(map[string][]*ast.File), told: make(map[string]string)}
	m.WriteString("# Configuration\n\n" + generated +
		`Sesuai takes its defaults, then the file of ` + "`--config FILE`" + ` or ` + "`SESUAI_CONFIG`" + ` (YAML), then environment
variables, then the flags ` + "`--data`" + ` and ` + "`--listen`" + `. An unknown key or variable is an error.
` + "`sesuai serve --check-config`" + ` checks the result and prints it ([operate/running.md](../operate/running.md#check-a-configuration)).

An environment variable is ` + "`SESUAI_`" + ` and the key in capitals with ` + "`_`" + ` for dots. The variables that Kubernetes
sets in every pod beside a Service named ` + "`sesuai`" + ` are ignored. Secrets are never in the configuration: it holds the
paths of their files. Durations are written as ` + "`250ms`, `30s`, `12h`" + `.

`)
	m.sections(&c, "")
	return m.String()
}

func dukcapilSandboxPage(t *testing.T, c sandbox.Config) string {
	m := manual{t: t, files: make(map[string][]*ast.File), told: make(map[string]string)}
	m.WriteString("# The sandbox of Dukcapil's services: settings and magic NIKs\n\n" + generated +
		"How the sandbox is used is in [integrate/dukcapil-sandbox.md](../integrate/dukcapil-sandbox.md).\n\n" +
		"## Magic NIKs\n\n" +
		"Each of these is always answered in the same way, once the call itself is accepted (credentials, address, hours, quota,\n" +
		"parameters; for the face check any JPEG). The service that is not named answers as if everything matched, with a\n" +
		"matchScore of 8.331. A NIK that stands for a code ends in the code. Nobody real can have one of them: no province has the\n" +
		"number 99, and no regency the number 00. `magic: false` turns them off. 3 s and 30 s are the settings `slow` and `stall`.\n\n" +
		"| NIK | service | answer |\n|---|---|---|\n")
	for _, magic := range sandbox.Magics() {
		fmt.Fprintf(&m, "| `%s` | %s | %s |\n", magic.NIK, magic.Service, magic.Answer)
	}
	m.WriteString("\n## Settings\n\nThe keys of the file of `--settings FILE` (YAML). An unknown key is an error.\n\n")
	m.sections(&c, "")
	return m.String()
}

// manual writes the reference of a configuration.
type manual struct {
	strings.Builder
	t *testing.T
	// variables is the prefix of the environment variables; none if empty.
	variables string
	// files are the parsed files of packages, by folder.
	files map[string][]*ast.File
	// known are the names of all keys and sections that have a dot.
	known []string
	// told has the key under which a comment stands already: two keys of one
	// struct field share it.
	told map[string]string
}

// sections writes the keys of c, a pointer to a struct, section by section.
func (m *manual) sections(c any, prefix string) {
	all := keys.Keys(c)
	for _, k := range all {
		if strings.Contains(k.Name, ".") {
			m.known = append(m.known, k.Name)
		}
	}
	bySection := make(map[string][]keys.Key)
	var order []string
	for _, k := range all {
		section := prefix
		if dot := strings.LastIndex(k.Name, "."); dot >= 0 {
			section = k.Name[:dot]
		}
		if bySection[section] == nil {
			order = append(order, section)
			if strings.Contains(section, ".") {
				m.known = append(m.known, section)
			}
		}
		bySection[section] = append(bySection[section], k)
	}
	for _, section := range order {
		if m.variables == "" && m.told[m.fieldComment(bySection[section][0].Struct, bySection[section][0].Field)] != "" {
			// The same keys again, and no names of variables to give.
			if !strings.Contains(section, ".") {
				fmt.Fprintf(m, "## %s\n\n%s\n\n", section, m.about(reflect.TypeOf(c).Elem(), section))
			}
			continue
		}
		if section != "" {
			fmt.Fprintf(m, "## %s\n\n%s\n\n", section, m.about(reflect.TypeOf(c).Elem(), section))
		} else if m.variables != "" {
			m.WriteString("## General\n\n")
		}
		for _, k := range bySection[section] {
			m.key(k, "")
		}
	}
}

// about is the comment of a section: that of its field, or else of its type.
func (m *manual) about(in reflect.Type, section string) string {
	var field reflect.StructField
	comment := ""
	for _, name := range strings.Split(section, ".") {
		owner, f, ok := fieldOf(in, name)
		if !ok {
			m.t.Fatalf("there is no section %s", section)
		}
		field, in = f, f.Type
		comment = m.fieldComment(owner, f.Name)
	}
	if comment == "" {
		return m.text(field.Type.Name(), m.typeComment(field.Type), "`"+section+"`")
	}
	return m.text(field.Name, comment, "`"+section+"`")
}

// fieldOf finds the field of a struct, or of those embedded in it, by its yaml
// name.
func fieldOf(in reflect.Type, name string) (owner reflect.Type, f reflect.StructField, ok bool) {
	for i := range in.NumField() {
		f := in.Field(i)
		if f.Anonymous {
			if owner, f, ok := fieldOf(f.Type, name); ok {
				return owner, f, true
			}
		}
		if tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); tag == name {
			return in, f, true
		}
	}
	return nil, reflect.StructField{}, false
}

// key writes one key. A list of structs is followed by the keys of its
// elements.
func (m *manual) key(k keys.Key, prefix string) {
	kind := reflect.TypeOf(k.Value())
	comment := m.fieldComment(k.Struct, k.Field)
	if !strings.HasPrefix(comment, k.Field+" ") {
		m.t.Errorf("%s.%s has no comment of its own that starts with its name", k.Struct, k.Field)
	}
	facts := []string{kindOf(kind), "default " + shown(k.Value())}
	if prefix != "" {
		facts = facts[:1] // an element has no default
	}
	if k.Min != "" {
		facts = append(facts, "from "+k.Min+" to "+k.Max)
	}
	if m.variables != "" {
		facts = append(facts, "`"+k.Variable(m.variables)+"`")
	}
	fmt.Fprintf(m, "### %s\n\n%s\n\n", prefix+k.Name, strings.Join(facts, " · "))
	if where := m.told[comment]; where == "" {
		fmt.Fprintf(m, "%s\n\n", m.text(k.Field, comment, ""))
		m.told[comment] = prefix + k.Name
	} else {
		fmt.Fprintf(m, "As `%s`.\n\n", where)
	}
	if kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct && kind.Elem() != reflect.TypeFor[netip.Addr]() {
		for _, element := range keys.Keys(reflect.New(kind.Elem()).Interface()) {
			m.key(element, prefix+k.Name+"[].")
		}
	}
}

// text is a comment as a sentence of the manual: without the Go name that it
// starts with, or with subject in its place.
func (m *manual) text(goName, comment, subject string) string {
	rest := strings.TrimPrefix(comment, goName)
	if subject != "" {
		rest = subject + rest
	} else {
		rest = strings.TrimSpace(rest)
		for _, verb := range []string{"is ", "are "} {
			rest = strings.TrimPrefix(rest, verb)
		}
		rest = strings.ToUpper(rest[:1]) + rest[1:]
	}
	for _, name := range m.known {
		rest = regexp.MustCompile(`(^|[ (])`+regexp.QuoteMeta(name)+`([ ,;:.)]|$)`).ReplaceAllString(rest, "$1`"+name+"`$2")
	}
	rest = regexp.MustCompile(`docs/([a-z/-]+\.md)`).ReplaceAllString(rest, "[$1](../$1)")
	return wrap(rest)
}

// wrap breaks a text into lines of at most 120 characters.
func wrap(text string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		switch n := len([]rune(word)); {
		case width > 0 && width+1+n > 120:
			b.WriteByte('\n')
			width = n
		case width > 0:
			b.WriteByte(' ')
			width += 1 + n
		default:
			width = n
		}
		b.WriteString(word)
	}
	return b.String()
}

func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Slice:
		return "list"
	default:
		return "integer"
	}
}

// shown is a default.
func shown(v any) string {
	text := fmt.Sprint(v)
	switch r := reflect.ValueOf(v); {
	case reflect.TypeOf(v) == reflect.TypeFor[time.Duration]():
		text = duration(v.(time.Duration))
	case r.Kind() == reflect.Slice && r.Len() == 0, text == "":
		return "empty"
	case r.Kind() == reflect.Slice:
		flow, err := yaml.MarshalWithOptions(v, yaml.Flow(true))
		if err != nil {
			panic(err)
		}
		text = strings.TrimSpace(string(flow))
	}
	return "`" + text + "`"
}

// duration is d without the zeros behind its last unit.
func duration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// fieldComment is the comment of a field of a struct type, in one line.
func (m *manual) fieldComment(owner reflect.Type, field string) string {
	spec, _ := m.find(owner)
	for _, f := range spec.Type.(*ast.StructType).Fields.List {
		for _, name := range f.Names {
			if name.Name == field {
				return strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
	}
	return ""
}

// typeComment is the comment of a type, in one line.
func (m *manual) typeComment(of reflect.Type) string {
	_, doc := m.find(of)
	return strings.Join(strings.Fields(doc), " ")
}

// find finds the declaration of a type and its comment in the source.
func (m *manual) find(of reflect.Type) (*ast.TypeSpec, string) {
	folder := filepath.Join("../..", strings.TrimPrefix(of.PkgPath(), "github.com/sesuai/sesuai/"))
	if m.files[folder] == nil {
		paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			m.t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				m.t.Fatal(err)
			}
			m.files[folder] = append(m.files[folder], f)
		}
	}
	for _, f := range m.files[folder] {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				if spec, ok := s.(*ast.TypeSpec); ok && spec.Name.Name == of.Name() {
					return spec, g.Doc.Text()
				}
			}
		}
	}
	m.t.Fatalf("%s is not declared in %s", of, folder)
	return nil, ""
}
