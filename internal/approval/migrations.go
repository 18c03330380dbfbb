package approval

import "embed"

// Migrations are this package's parts of the schema: see sqldb.Options.
//
//go:embed migrations
var Migrations embed.FS
