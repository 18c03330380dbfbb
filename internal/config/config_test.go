package config_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/config"
)

type limits struct {
	A float64 `yaml:"a"`
	B float64 `yaml:"b"`
}

// Outer embeds an exported struct, as configurations do.
type Outer struct {
	Name   string `yaml:"name"`
	On     bool   `yaml:"on"`
	Inner  `yaml:",inline"`
	Limits limits   `yaml:"limits" range:"0,100"`
	Last   int64    `yaml:"last" range:"-1,5"`
	List   []string `yaml:"list"`
}

// Inner is embedded.
type Inner struct {
	Wait  time.Duration `yaml:"wait" range:"10ms,1h"`
	Share float64       `yaml:"share" range:"0,1"`
}

func defaults() Outer {
	return Outer{Name: "x", Inner: Inner{Wait: time.Second, Share: 0.5}, Limits: limits{1, 2}, Last: 3}
}

func TestKeys(t *testing.T) {
	c := defaults()
	var got []string
	for _, k := range config.Keys(&c) {
		got = append(got, strings.Join([]string{k.Name, k.Struct.Name(), k.Field, k.Min, k.Max, k.Variable("P_")}, " "))
	}
	want := []string{
		"name Outer Name   P_NAME", "on Outer On   P_ON",
		"wait Inner Wait 10ms 1h P_WAIT", "share Inner Share 0 1 P_SHARE",
		"limits.a limits A 0 100 P_LIMITS_A", "limits.b limits B 0 100 P_LIMITS_B",
		"last Outer Last -1 5 P_LAST", "list Outer List   P_LIST",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDecode: what the text does not set keeps its value, in an embedded struct
// too, and what is not a key is refused.
func TestDecode(t *testing.T) {
	for text, change := range map[string]func(*Outer){
		"":                                  func(*Outer) {},
		"# nothing":                         func(*Outer) {},
		"limits:":                           func(*Outer) {},
		"wait: 2s":                          func(c *Outer) { c.Wait = 2 * time.Second },
		"limits: {b: 7}":                    func(c *Outer) { c.Limits.B = 7 },
		"name: y\nshare: 1\nlist: [a]":      func(c *Outer) { c.Name, c.Share, c.List = "y", 1, []string{"a"} },
		`{"on": true, "last": 4}`:           func(c *Outer) { c.On, c.Last = true, 4 },
		"name: y\nwait: 3s\nlimits: {a: 0}": func(c *Outer) { c.Name, c.Wait, c.Limits.A = "y", 3*time.Second, 0 },
	} {
		got, want := defaults(), defaults()
		change(&want)
		if _, err := config.Decode([]byte(text), &got); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	for text, says := range map[string]string{
		"nmae: y":                            "nmae: there is no such key; there are name, on, wait, share, limits, last, list",
		"inner: {wait: 2s}":                  "inner: there is no such key; there are name, on, wait, share, limits, last, list",
		"limits: {c: 1}":                     "limits.c: there is no such key; limits has a, b",
		"limits: 3":                          "limits: keys are needed, not a text: limits has a, b",
		"wait: 2s\nwait: 2s":                 "wait: it is set twice, first in line 1",
		strings.Repeat("canary", 10) + ": x": "canarycanarycanarycanarycanarycanarycana…: there is no such key; ",
		"last: 1.5":                          `last: "1.5" is not a whole number from -1 to 5, such as 3`,
		"last: many":                         `last: "many" is not a whole number from -1 to 5, such as 3`,
		"last: [1]":                          `last: "a list" is not a whole number from -1 to 5, such as 3`,
		"wait: 2":                            `wait: "2" is not a duration from 10ms to 1h, such as 1s`,
		"on: perhaps":                        `on: "perhaps" is not true or false`,
		"list: {a: b}":                       "list: ",
		"name: [":                            "sequence end token ']' not found",
		"- name":                             "keys are needed, not a list: there are name, on, wait, share, limits, last, list",
		"name: x\n---\nname: z":              "there is a second document, after ---",
		"name: {x: y}":                       `name: "a section" is not a text`,
	} {
		got := defaults()
		_, err := config.Decode([]byte(text), &got)
		if err == nil || !strings.HasPrefix(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
		if text != "wait: 2s\nwait: 2s" {
			if diff := cmp.Diff(defaults(), got); diff != "" {
				t.Errorf("%q changed what it was refused for: %s", text, diff)
			}
		}
	}
}

// TestEveryMistake: all are reported, each with its line, and the rest is read.
func TestEveryMistake(t *testing.T) {
	got, want := defaults(), defaults()
	want.Name, want.Share = "y", 0.75
	lines, err := config.Decode([]byte("name: y\nwait: soon\n\nlimits:\n  a: x\n  c: 1\nshare: 0.75\n"), &got)
	mistakes := []config.Mistake{
		{Key: "wait", Line: 2, What: `"soon" is not a duration from 10ms to 1h, such as 1s`},
		{Key: "limits.a", Line: 5, What: `"x" is not a number from 0 to 100, such as 1`},
		{Key: "limits.c", Line: 6, What: "there is no such key; limits has a, b"},
	}
	if diff := cmp.Diff(mistakes, config.Mistakes(err)); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(config.Lines{"name": 1, "wait": 2, "limits": 4, "limits.a": 5, "share": 7}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestDecodeOddFiles: forms of YAML that nobody needs here are read or refused.
func TestDecodeOddFiles(t *testing.T) {
	for text, refused := range map[string]bool{
		"limits:\n  a: [1, {b: 2}]\n": true, "name: &x 1\nlast: *x\n": true, "<<: {name: y}\n": true, "? [a]\n: b\n": true,
		"name: |\n  y\n...\n": false, "name: !!str 3\n": false, "\ufeffname: y": false, "? name\n": true, "limits: &m {a: 1}\n": true, "limits: {}": false,
	} {
		got := defaults()
		if _, err := config.Decode([]byte(text), &got); (err != nil) != refused {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestRefuse: one mistake stands in the line, several have a line each, and the
// same one is there once.
func TestRefuse(t *testing.T) {
	if err := config.Refuse(errors.Join(nil, nil)); err != nil {
		t.Error(err)
	}
	a, b := config.Mistakef("a", "%d is too many", 3), errors.New("no key")
	for want, err := range map[string]error{
		"CONFIGURATION: configuration: a: 3 is too many":                           a,
		"CONFIGURATION: configuration: 2 mistakes\n  a: 3 is too many\n  no key":   errors.Join(a, errors.Join(b, a)),
		"CONFIGURATION: configuration: 2 mistakes\n  s.a: 3 is too many\n  no key": config.Refuse(config.Under("s", errors.Join(a, b))),
		"CONFIGURATION: configuration: the file: cause":                            &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the file", Err: errors.New("cause")},
		"CONFIGURATION: configuration: k: no key":                                  config.About("k", b),
		"CONFIGURATION: configuration: at a line 0: 3 is too many":                 config.Locate(a, func(m config.Mistake) string { return fmt.Sprintf("at %s line %d", m.Key, m.Line) }),
	} {
		if got := config.Refuse(err); got == nil || got.Error() != want {
			t.Errorf("want %q, got %v", want, got)
		}
	}
}

// TestQuote: a long value is cut.
func TestQuote(t *testing.T) {
	if got, want := config.Quote(strings.Repeat("é", 50)), `"`+strings.Repeat("é", 40)+`…"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSet(t *testing.T) {
	c := defaults()
	values := map[string]string{"name": "y", "on": "true", "wait": "2s", "share": "0.25", "limits.a": "9", "limits.b": "8", "last": "-1"}
	for _, k := range config.Keys(&c) {
		if value, ok := values[k.Name]; ok {
			if err := k.Set(value); err != nil {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
	}
	want := Outer{Name: "y", On: true, Inner: Inner{2 * time.Second, 0.25}, Limits: limits{9, 8}, Last: -1}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	for _, k := range config.Keys(&c) {
		if k.Name == "name" || k.Name == "list" {
			continue
		}
		if err := k.Set("sometimes"); err == nil {
			t.Errorf("%s: any text will do", k.Name)
		}
	}
}

func TestCheckRanges(t *testing.T) {
	c := defaults()
	if err := config.CheckRanges(&c); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*Outer){
		"wait: 1h0m0.000000001s is not a duration from 10ms to 1h, such as 10ms": func(c *Outer) { c.Wait = time.Hour + 1 },
		"share: NaN is not a number from 0 to 1, such as 0":                      func(c *Outer) { c.Share = math.NaN() },
		"limits.b: -0.1 is not a number from 0 to 100, such as 0":                func(c *Outer) { c.Limits.B = -0.1 },
		"last: 6 is not a whole number from -1 to 5, such as -1":                 func(c *Outer) { c.Last = 6 },
	} {
		c := defaults()
		change(&c)
		if err := config.CheckRanges(&c); err == nil || err.Error() != says {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
