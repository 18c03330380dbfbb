package config_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/config"
)

type marks struct {
	A float64 `yaml:"a"`
	B float64 `yaml:"b"`
}

// Outer embeds an exported struct, as configurations do.
type Outer struct {
	Name  string `yaml:"name"`
	On    bool   `yaml:"on"`
	Inner `yaml:",inline"`
	Marks marks    `yaml:"marks" range:"0,100"`
	Last  int64    `yaml:"last" range:"-1,5"`
	List  []string `yaml:"list"`
}

// Inner is embedded.
type Inner struct {
	Wait  time.Duration `yaml:"wait" range:"10ms,1h"`
	Share float64       `yaml:"share" range:"0,1"`
}

func defaults() Outer {
	return Outer{Name: "x", Inner: Inner{Wait: time.Second, Share: 0.5}, Marks: marks{1, 2}, Last: 3}
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
		"marks.a marks A 0 100 P_MARKS_A", "marks.b marks B 0 100 P_MARKS_B",
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
		"":                                 func(*Outer) {},
		"# nothing":                        func(*Outer) {},
		"marks:":                           func(*Outer) {},
		"wait: 2s":                         func(c *Outer) { c.Wait = 2 * time.Second },
		"marks: {b: 7}":                    func(c *Outer) { c.Marks.B = 7 },
		"name: y\nshare: 1\nlist: [a]":     func(c *Outer) { c.Name, c.Share, c.List = "y", 1, []string{"a"} },
		`{"on": true, "last": 4}`:          func(c *Outer) { c.On, c.Last = true, 4 },
		"name: y\nwait: 3s\nmarks: {a: 0}": func(c *Outer) { c.Name, c.Wait, c.Marks.A = "y", 3*time.Second, 0 },
	} {
		got, want := defaults(), defaults()
		change(&want)
		if err := config.Decode([]byte(text), &got); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	for text, says := range map[string]string{
		"nmae: y": "nmae", "inner: {wait: 2s}": "inner", "marks: {c: 1}": "c", "wait: 2s\nwait: 3s": "wait", "last: 1.5": "1.5 is not a whole number",
		"wait: 2": "wait", "name: y\n---\nname: z": "second document",
	} {
		got := defaults()
		err := config.Decode([]byte(text), &got)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(defaults(), got); diff != "" {
			t.Errorf("%q changed what it was refused for: %s", text, diff)
		}
	}
}

func TestSet(t *testing.T) {
	c := defaults()
	values := map[string]string{"name": "y", "on": "true", "wait": "2s", "share": "0.25", "marks.a": "9", "marks.b": "8", "last": "-1"}
	for _, k := range config.Keys(&c) {
		if value, ok := values[k.Name]; ok {
			if err := k.Set(value); err != nil {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
	}
	want := Outer{Name: "y", On: true, Inner: Inner{2 * time.Second, 0.25}, Marks: marks{9, 8}, Last: -1}
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
		"wait must be from 10ms to 1h":  func(c *Outer) { c.Wait = time.Hour + 1 },
		"share must be from 0 to 1":     func(c *Outer) { c.Share = math.NaN() },
		"marks.b must be from 0 to 100": func(c *Outer) { c.Marks.B = -0.1 },
		"last must be from -1 to 5":     func(c *Outer) { c.Last = 6 },
	} {
		c := defaults()
		change(&c)
		if err := config.CheckRanges(&c); err == nil || err.Error() != says {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
