package balikan

import (
	"errors"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/config"
)

// Config is about data that are returned to Dukcapil for each verified person
// (data balikan).
type Config struct {
	// URL is where the data are posted to. It must begin with https://;
	// dukcapil.tls says whom to trust there, too. Empty means that no data are
	// returned, nor kept to be returned later.
	URL string `yaml:"url"`
	// TokenFile is the path of the bearer token. It is read before each post.
	// Required with dukcapil.balikan.url.
	TokenFile string `yaml:"token_file"`
	// InstitutionID is sent as id_lembaga. Required with
	// dukcapil.balikan.url.
	InstitutionID string `yaml:"institution_id"`
	// InstitutionName is sent as nama_lembaga. Required with
	// dukcapil.balikan.url.
	InstitutionName string `yaml:"institution_name"`
	// Batch is the largest number of people in one post.
	Batch int `yaml:"batch" range:"1,10000"`
	// Interval is the pause before the next look for data to return when there
	// were none.
	Interval time.Duration `yaml:"interval" range:"100ms,1h"`
}

// DefaultConfig returns nothing: it has no URL.
func DefaultConfig() Config { return Config{Batch: DefaultBatch, Interval: DefaultInterval} }

// Validate reports every key that is missing or not valid, as an error of kind
// sesuai.KindConfiguration. It opens no file.
func (c Config) Validate() error {
	if c.URL == "" {
		return nil
	}
	var errs []error
	if !strings.HasPrefix(c.URL, "https://") {
		errs = append(errs, config.Mistakef("url", "a URL that begins with https:// is needed"))
	}
	for _, k := range []struct{ name, value string }{
		{"token_file", c.TokenFile}, {"institution_id", c.InstitutionID}, {"institution_name", c.InstitutionName},
	} {
		if k.value == "" {
			errs = append(errs, config.Mistakef(k.name, "it is needed with dukcapil.balikan.url"))
		}
	}
	return config.Refuse(config.Under("dukcapil.balikan", errors.Join(errs...)))
}
