package balikan

import (
	"time"

	"github.com/sesuai/sesuai"
)

// Row is the data of one verified person, to be returned to Dukcapil.
type Row struct {
	// Seq is the number of the event in the audit trail.
	Seq int64
	// At is when the person was verified.
	At time.Time
	// Customer is the request's id.
	Customer string
	NIK      sesuai.NIK
}
