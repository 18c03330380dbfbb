package batch

import "time"

// Config is about batches of verifications.
type Config struct {
	// MaxRows is the largest number of rows of a batch.
	MaxRows int `yaml:"max_rows" range:"1,1000000"`
	// MaxBody is the largest size of an upload in bytes, and of its photographs once
	// they are taken out of the archive. While it is received it is on disk, encrypted
	// under a key that only the process has; then it is in the database.
	MaxBody int64 `yaml:"max_body" range:"1024,1099511627776"`
	// PerClient is the number of batches of one client that are not finished. A
	// further one is answered 429.
	PerClient int `yaml:"per_client" range:"1,1000"`
	// Uploads is the number of batches that are received at the same time. A further
	// one is answered 503 with Retry-After.
	Uploads int `yaml:"uploads" range:"1,1000"`
	// Workers is the number of rows that a node verifies at the same time, unless
	// requests of the API need the cores.
	Workers int `yaml:"workers" range:"1,256"`
	// MaxAge is how long the results of a finished batch can be read. Then it is
	// removed.
	MaxAge time.Duration `yaml:"max_age" range:"1h,8760h"`
	// Folder is where uploads are written while they are received. Empty means the
	// system's folder for temporary files.
	Folder string `yaml:"folder"`
}

// DefaultConfig is the configuration without a file.
func DefaultConfig() Config {
	return Config{MaxRows: 20_000, MaxBody: 1 << 30, PerClient: 4, Uploads: 4, Workers: 8, MaxAge: 7 * 24 * time.Hour}
}
