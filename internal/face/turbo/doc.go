// Package turbo decodes JPEG with libjpeg-turbo, which is faster than image/jpeg.
// It leaves everything else about photographs, and rare kinds of JPEG, to package
// face. It needs the build tag turbojpeg, and the library's header and archive
// (Debian: libturbojpeg0-dev). Without the tag, Decode is nil.
package turbo
