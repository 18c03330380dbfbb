//go:build cgo

package ort

import (
	"errors"
	"fmt"
	"os"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// Options configures how networks are run.
type Options struct {
	// Library is the path of libonnxruntime.so.
	Library string
	// SHA256 is the digest that the library must have, in hex. Empty means that
	// of the library which make models fetches.
	SHA256 string
	// Threads is how many threads one run uses; 1 if 0. Concurrent runs have
	// the highest throughput with one thread each. A single run is fastest
	// with all cores.
	Threads int
	// AsStored runs the networks as their files have them, without replacing
	// slow operators: to measure what that gains.
	AsStored bool
}

// started is the library's environment. A process can have only one. library is
// the path that it was copied from.
var started struct {
	sync.Mutex
	library string
}

// NewLoader returns a loader of networks. The first call in a process checks the
// library's owner, mode and digest, and starts ONNX Runtime. Errors have kind
// sesuai.KindConfiguration.
func NewLoader(o Options) (face.Loader, error) {
	if err := start(o); err != nil {
		return nil, err
	}
	return func(model []byte, spec face.NetworkSpec) (face.Network, error) {
		if !o.AsStored {
			model = withoutPRelu(model)
		}
		return open(model, spec, max(o.Threads, 1))
	}, nil
}

// Inspect returns the inputs and outputs that an ONNX file declares. NewLoader
// must have been called before. Errors have kind sesuai.KindConfiguration.
func Inspect(model []byte) (face.Declared, error) {
	inputs, outputs, err := onnx.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		return face.Declared{}, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err, Detail: "ONNX Runtime cannot read the file as a network",
		}
	}
	return face.Declared{Inputs: declared(inputs), Outputs: declared(outputs)}, nil
}

func declared(of []onnx.InputOutputInfo) []face.DeclaredTensor {
	out := make([]face.DeclaredTensor, len(of))
	for i, t := range of {
		out[i].Name, out[i].Shape = t.Name, t.Dimensions
		out[i].Float32 = t.OrtValueType == onnx.ONNXTypeTensor && t.DataType == onnx.TensorElementDataTypeFloat
	}
	return out
}

func start(o Options) error {
	started.Lock()
	defer started.Unlock()
	if started.library == o.Library {
		return nil
	}
	library, err := openRuntime(o)
	if err != nil {
		return err
	}
	defer library.Close() //nolint:errcheck // what was loaded stays
	if started.library != "" {
		return &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: "ONNX Runtime is already loaded from " + started.library,
		}
	}
	// By default ONNX Runtime collects usage data in the home folder and in
	// the folder for temporary files, and sends it to its makers. It reads
	// this variable when it starts.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return fmt.Errorf("ort: %w", err)
	}
	onnx.SetSharedLibraryPath(fmt.Sprintf("/proc/self/fd/%d", library.Fd()))
	// The level is fatal because the library writes messages directly to
	// stderr. Every failure is also returned as an error.
	if err := onnx.InitializeEnvironment(onnx.WithLogLevelFatal()); err != nil {
		return &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("ONNX Runtime cannot be loaded from %s", o.Library),
		}
	}
	started.library = o.Library
	return nil
}

// network is a session that its runners share.
type network struct {
	session *onnx.DynamicAdvancedSession
	spec    face.NetworkSpec
}

// open makes a session of a network.
func open(model []byte, spec face.NetworkSpec, threads int) (*network, error) {
	opts, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("ort: session options: %w", err)
	}
	defer func() { _ = opts.Destroy() }()
	err = errors.Join(
		opts.SetIntraOpNumThreads(threads),
		opts.SetInterOpNumThreads(1),
		// Threads that spin while they wait would take cores from others.
		opts.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		// For the threads that ONNX Runtime makes; the calling one: withoutDenormals.
		// The one that makes the session would stay like that.
		opts.AddSessionConfigEntry("session.set_denormal_as_zero", "1"),
	)
	if err != nil {
		return nil, fmt.Errorf("ort: session options: %w", err)
	}
	outputs := make([]string, len(spec.Outputs))
	for i, o := range spec.Outputs {
		outputs[i] = o.Name
	}
	var s *onnx.DynamicAdvancedSession
	err = withoutDenormals(func() (err error) {
		s, err = onnx.NewDynamicAdvancedSessionWithONNXData(model, []string{spec.Input.Name}, outputs, opts)
		return err
	})
	if err != nil {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("ONNX Runtime cannot load %s", spec.File),
		}
	}
	return &network{session: s, spec: spec}, nil
}

// NewRunner implements face.Network.
func (n *network) NewRunner() (face.Runner, error) {
	in, err := onnx.NewEmptyTensor[float32](n.spec.Input.Shape)
	if err != nil {
		return nil, fmt.Errorf("ort: %s: input: %w", n.spec.File, err)
	}
	r := &runner{network: n, in: in, inputs: []onnx.Value{in}}
	for _, o := range n.spec.Outputs {
		out, err := onnx.NewEmptyTensor[float32](o.Shape)
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("ort: %s: output %s: %w", n.spec.File, o.Name, err)
		}
		r.outs, r.outputs = append(r.outs, out), append(r.outputs, out)
	}
	return r, nil
}

// Close implements face.Network.
func (n *network) Close() error { return n.session.Destroy() }

// runner holds the tensors of one run at a time. ONNX Runtime reads and writes
// the Go slices behind them directly.
type runner struct {
	network         *network
	in              *onnx.Tensor[float32]
	outs            []*onnx.Tensor[float32]
	inputs, outputs []onnx.Value
}

func (r *runner) Input() []float32       { return r.in.GetData() }
func (r *runner) Output(i int) []float32 { return r.outs[i].GetData() }

func (r *runner) Run() error {
	err := withoutDenormals(func() error { return r.network.session.Run(r.inputs, r.outputs) })
	if err != nil {
		return fmt.Errorf("ort: %s: %w", r.network.spec.File, err)
	}
	return nil
}

func (r *runner) Close() {
	_ = r.in.Destroy()
	for _, out := range r.outs {
		_ = out.Destroy()
	}
}
