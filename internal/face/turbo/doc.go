// Package turbo decodes JPEG by libjpeg-turbo: the fast path beside image/jpeg.
// It must not know what is in a photograph. It is built in by the tag
// turbojpeg, where the library's header and archive are (Debian:
// libturbojpeg0-dev); without the tag, Decode is nil and everything else works.
package turbo
