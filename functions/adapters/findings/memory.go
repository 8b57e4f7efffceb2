package findings

import (
	"context"
	"fmt"
	"sync"

	"sso-elevator/functions/access"
)

// Memory is Objects in the memory of the process, for a dry run and for tests.
// The zero value is empty.
type Memory struct {
	mu      sync.Mutex
	objects map[string]object
	writes  int
}

type object struct {
	body    []byte
	version string
}

var (
	_ Objects = (*Memory)(nil)
	_ Objects = Bucket{}
)

// Get implements Objects.
func (m *Memory) Get(_ context.Context, key string) ([]byte, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return nil, "", access.Errorf(access.CodeNotFound, "there is no %s", key)
	}
	return o.body, o.version, nil
}

// Put implements Objects.
func (m *Memory) Put(_ context.Context, key string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.write(key, body)
	return nil
}

// Replace implements Objects.
func (m *Memory) Replace(_ context.Context, key string, body []byte, version string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects[key].version != version {
		return access.Errorf(access.CodeLost, "%s has changed", key)
	}
	m.write(key, body)
	return nil
}

func (m *Memory) write(key string, body []byte) {
	if m.objects == nil {
		m.objects = map[string]object{}
	}
	m.writes++
	m.objects[key] = object{body, fmt.Sprint(m.writes)}
}
