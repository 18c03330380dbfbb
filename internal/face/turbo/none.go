//go:build !cgo || !turbojpeg

package turbo

import "github.com/sesuai/sesuai/internal/face"

// Decode is nil: this build has no libjpeg-turbo.
var Decode face.JPEGDecoder
