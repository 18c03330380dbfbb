// Package ort runs neural networks with ONNX Runtime, a shared library that it
// loads at run time. It leaves the use of the networks to package face. Without
// cgo, every call returns an error.
package ort
