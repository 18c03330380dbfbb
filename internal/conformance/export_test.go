package conformance

// Names are the names of the subtests that Run runs, or why it runs none.
func Names(suite any) (names []string, err error) {
	tests, err := testsOf(suite)
	for _, test := range tests {
		names = append(names, test.name)
	}
	return names, err
}
