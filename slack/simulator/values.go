package simulator

import (
	"encoding/json"
	"net/http"
)

// text returns v if it is a string, else "".
func text(v any) string {
	s, _ := v.(string)
	return s
}

// number returns v if it is a JSON number, else otherwise.
func number(v any, otherwise int) int {
	if f, ok := v.(float64); ok {
		return int(f)
	}
	return otherwise
}

// nullable returns s, or nil (null in JSON) if s is empty.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(v) // fails only if the client has gone
}
