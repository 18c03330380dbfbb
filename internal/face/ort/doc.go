// Package ort runs neural networks by ONNX Runtime, which it loads at run time
// from a shared library. It must not know what the networks are for.
// Built without cgo it can only say that it cannot.
package ort
