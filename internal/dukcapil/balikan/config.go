package balikan

import (
	"strings"
	"time"

	"github.com/sesuai/sesuai"
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

// Validate reports the first key that is missing or not valid, as an error of
// kind sesuai.KindConfiguration. It opens no file.
func (c Config) Validate() error {
	switch {
	case c.URL == "":
		return nil
	case !strings.HasPrefix(c.URL, "https://"):
		return invalid("dukcapil.balikan.url: a URL that begins with https:// is needed")
	case c.TokenFile == "" || c.InstitutionID == "" || c.InstitutionName == "":
		return invalid("dukcapil.balikan: token_file, institution_id and institution_name are needed with url")
	default:
		return nil
	}
}

func invalid(why string) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "configuration: " + why}
}
