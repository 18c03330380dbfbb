package face

// Network is a loaded neural network. It is safe for concurrent use.
type Network interface {
	// NewRunner returns a Runner with its own memory.
	NewRunner() (Runner, error)
	// Close frees the network. No Runner of it may be used afterwards.
	Close() error
}

// Runner runs a network any number of times in the same memory. It is not safe
// for concurrent use.
type Runner interface {
	// Input returns the memory of the input, in the shape of
	// NetworkSpec.Input.
	Input() []float32
	// Run computes the outputs from the input.
	Run() error
	// Output returns the i-th of NetworkSpec.Outputs of the last Run.
	Output(i int) []float32
	// Close frees the memory.
	Close()
}

// Loader loads a network from the bytes of an ONNX file: see package ort.
type Loader func(onnx []byte, spec NetworkSpec) (Network, error)
