//go:build !cgo || !turbojpeg

package turbo

import "github.com/sesuai/sesuai/internal/face"

// Name is the name of the JPEG decoder in this build.
const Name = "image/jpeg"

// Decode and Encode are nil: this build has no libjpeg-turbo.
var (
	Decode face.JPEGDecoder
	Encode face.JPEGEncoder
)
