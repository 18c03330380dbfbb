package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// node is a value of the description. The methods return the zero node, or nothing,
// where there is no such value.
type node struct {
	root  *node
	value any
}

// entry is a key of a mapping and its value.
type entry struct {
	Name string
	node
}

// parse returns the description. Its mappings keep their order.
func parse() (node, error) {
	var root node
	if err := yaml.UnmarshalWithOptions(description, &root.value, yaml.UseOrderedMap()); err != nil {
		return node{}, fmt.Errorf("openapi.yaml: %w", err)
	}
	root.root = &root
	return root, nil
}

// Get returns the value of a path of keys. It follows references.
func (n node) Get(keys ...string) node {
	for _, key := range keys {
		n = n.child(key)
	}
	return n
}

func (n node) child(key string) node {
	for _, e := range n.Entries() {
		if e.Name == key {
			return e.node
		}
	}
	return node{root: n.root}
}

// Entries returns the entries of a mapping in their order. It follows references.
func (n node) Entries() []entry {
	mapping, _ := n.value.(yaml.MapSlice)
	entries := make([]entry, len(mapping))
	for i, item := range mapping {
		entries[i] = entry{fmt.Sprint(item.Key), n.follow(item.Value)}
	}
	return entries
}

// Items returns the items of a list. It follows references.
func (n node) Items() []node {
	list, _ := n.value.([]any)
	items := make([]node, len(list))
	for i, item := range list {
		items[i] = n.follow(item)
	}
	return items
}

// follow returns the node of a value. One that refers to a mapping is that mapping, of
// which what stands beside the reference replaces entries.
func (n node) follow(value any) node {
	mapping, _ := value.(yaml.MapSlice)
	for i, item := range mapping {
		if item.Key == "$ref" {
			target := n.root.Get(strings.Split(strings.TrimPrefix(fmt.Sprint(item.Value), "#/"), "/")...)
			beside := slices.Delete(slices.Clone(mapping), i, i+1)
			if referred, ok := target.value.(yaml.MapSlice); ok {
				return node{n.root, append(beside, referred...)}
			}
			return target
		}
	}
	return node{n.root, value}
}

// Exists reports whether there is a value.
func (n node) Exists() bool { return n.value != nil }

// Text returns a text or a number.
func (n node) Text() string {
	if n.value == nil {
		return ""
	}
	return fmt.Sprint(n.value)
}

// JSON returns the value in JSON, in one line, with its keys in their order.
func (n node) JSON() string {
	switch v := n.value.(type) {
	case yaml.MapSlice:
		var fields []string
		for _, e := range n.Entries() {
			fields = append(fields, encode(e.Name)+":"+e.JSON())
		}
		return "{" + strings.Join(fields, ",") + "}"
	case []any:
		var items []string
		for _, item := range n.Items() {
			items = append(items, item.JSON())
		}
		return "[" + strings.Join(items, ",") + "]"
	default:
		return encode(v)
	}
}

// encode returns the JSON of a value that is neither a mapping nor a list.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // texts, numbers, booleans and null always encode
	}
	return strings.TrimSpace(b.String())
}
