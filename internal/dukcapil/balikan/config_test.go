package balikan_test

import (
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
)

// TestConfig: without a URL nothing is needed; with one the rest is.
func TestConfig(t *testing.T) {
	complete := balikan.DefaultConfig()
	if err := complete.Validate(); err != nil {
		t.Error(err)
	}
	complete.URL, complete.TokenFile, complete.InstitutionID, complete.InstitutionName = "https://dukcapil.invalid", "token", "L-1", "Bank"
	if err := complete.Validate(); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*balikan.Config){
		"dukcapil.balikan.url":                func(c *balikan.Config) { c.URL = "http://dukcapil.invalid" },
		"dukcapil.balikan.token_file":         func(c *balikan.Config) { c.TokenFile = "" },
		"dukcapil.balikan.institution_id":     func(c *balikan.Config) { c.InstitutionID = "" },
		"institution_name: it is needed with": func(c *balikan.Config) { c.InstitutionName = "" },
	} {
		c := complete
		change(&c)
		if err := c.Validate(); sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
