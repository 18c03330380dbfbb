package face

// Network is a neural network that has been loaded. It is safe for concurrent
// use.
type Network interface {
	// NewRunner makes a place to run the network in, with memory of its own.
	NewRunner() (Runner, error)
	// Close frees the network. No Runner of it may be used afterwards.
	Close() error
}

// Runner runs a network, again and again in the same memory. It is not safe
// for concurrent use.
type Runner interface {
	// Input is where the input goes, in the shape of NetworkSpec.Input.
	Input() []float32
	// Run computes the outputs from Input.
	Run() error
	// Output is the i-th of NetworkSpec.Outputs as the last Run left it.
	Output(i int) []float32
	// Close frees the memory.
	Close()
}

// Loader loads a network from the bytes of an ONNX file. Package ort has the
// real one.
type Loader func(onnx []byte, spec NetworkSpec) (Network, error)
