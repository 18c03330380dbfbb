// Package turbo decodes and encodes JPEG with libjpeg-turbo, which is faster than
// image/jpeg and can decode to a smaller size. It leaves everything else about
// photographs, and which kinds of JPEG are read, to package face. It needs the
// build tag turbojpeg, and the library's headers and archive (Debian:
// libjpeg-dev). Without the tag, Decode and Encode are nil.
package turbo
