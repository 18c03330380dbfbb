package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sesuai/sesuai/internal/app"
)

// faceReenrol is a command so that whoever looks for it finds out why there is
// no such thing.
type faceReenrol struct{}

// templatesOnRecord is what face reenrol prints.
type templatesOnRecord struct {
	Possible bool   `json:"possible"`
	Why      string `json:"why"`
	// Model is the one that is configured, ByModel how many people have a
	// template of each, and Without how many have none.
	Model   string         `json:"model"`
	People  int            `json:"people"`
	ByModel map[string]int `json:"templates_by_model"`
	Without int            `json:"without_portrait"`
	Do      string         `json:"do"`
}

func (faceReenrol) Run(s *session) error {
	manifest, err := app.Manifest(s.config)
	if err != nil {
		return err
	}
	out := templatesOnRecord{
		Why:   "templates cannot be turned into those of another model, and the photographs that they were made of are not kept",
		Model: manifest.Model(),
		Do:    "import everybody again with the photographs: sesuai person import people.csv --photos DIR",
	}
	err = s.withStore(func(store app.Store) error {
		if out.People, err = store.Count(s); err != nil {
			return err
		}
		out.ByModel, err = store.CountByModel(s)
		return err
	})
	if err != nil {
		return err
	}
	out.Without = out.People
	for _, n := range out.ByModel {
		out.Without -= n
	}
	if err := s.print(out, "%s", out.text()); err != nil {
		return err
	}
	return negativeAnswer{}
}

func (t templatesOnRecord) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Not possible: %s.\n\nconfigured model  %s\npeople on record  %d\n", t.Why, t.Model, t.People)
	for _, model := range slices.Sorted(maps.Keys(t.ByModel)) {
		says := "the configured model"
		if model != t.Model {
			says = "not the configured one: verifying these people fails (503) until they are imported again"
		}
		fmt.Fprintf(&b, "  %d with a template of %s, %s\n", t.ByModel[model], model, says)
	}
	fmt.Fprintf(&b, "  %d without a portrait\n\nTo change the model, %s\n", t.Without, t.Do)
	return b.String()
}
